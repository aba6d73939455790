// Where tensors lie and kernels run: the CPU, or a GPU.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernel.h"

namespace rareface {

// Work that a device recorded and runs again in one go.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void launch() = 0;
};

// When a recorded call runs: after those before it in its lane, and after some others.
struct Turn {
  std::size_t lane = 0;
  std::vector<std::size_t> after;  // earlier calls, by number
};

// All its work happens in the order of the calls, but for what it has recorded. Used by one thread
// at a time, which need not always be the same; meanwhile another may allocate, free and write
// memory that is not in use. Everything throws std::runtime_error that says what went wrong.
class Device {
 public:
  virtual ~Device() = default;

  // "NVIDIA H200, 132 multiprocessors": as people know it.
  virtual std::string description() const = 0;

  // Uninitialised memory, aligned to 64 bytes at least.
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void free(void* memory) noexcept = 0;

  // From and to the memory of the process; both return when that memory is free for other use.
  virtual void write(void* to, const void* from, std::size_t bytes) = 0;
  virtual void read(void* to, const void* from, std::size_t bytes) = 0;
  // Within the device.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;

  // Runs a kernel; its scratch is free again afterwards. What it throws names the kernel, the
  // shapes and the cause.
  void run(Kernel kernel, Call& call);
  // Returns when all that was asked for is done.
  virtual void wait() = 0;

  // Whether record() gives graphs. Reading then waits for all that was asked for, and throws what
  // went wrong in it.
  virtual bool records() const { return false; }
  // Makes the calls 0..turns.size()-1, and notes what they run without doing it. Calls that do not
  // wait for each other may run at the same time. The addresses of tensors become part of the
  // graph; scratch is the graph's own, and each lane's.
  virtual std::unique_ptr<Graph> record(std::span<const Turn> /*turns*/,
                                        const std::function<void(std::size_t)>& /*call*/) {
    fail("this device records nothing");
  }

 protected:
  // Calls the kernel with a host of this device.
  virtual void call(Kernel kernel, Call& call) = 0;
};

// "float32[2,3]", as error messages show a tensor.
std::string describe(const View& view);

}  // namespace rareface

extern "C" {
// A library of kernels for a GPU exports this beside rareface_register, as "rareface_open_device":
// the device with this number. Throws std::runtime_error with a remedy where there is none.
using rareface_open_device_fn = std::unique_ptr<rareface::Device> (*)(int number);
}
