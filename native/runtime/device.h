// Where tensors lie and kernels run: the CPU, or a GPU.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "kernel.h"

namespace rareface {

// Work that a device recorded and runs again in one go.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void launch() = 0;
};

// All its work happens in the order of the calls. Used by one thread at a time, which need not
// always be the same. Everything throws std::runtime_error that says what went wrong.
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

  // Whether record() gives graphs.
  virtual bool records() const { return false; }
  // Notes what `body` runs and copies, without doing it. The addresses of tensors become part of
  // the graph; its scratch is the graph's own.
  virtual std::unique_ptr<Graph> record(const std::function<void()>&) {
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
