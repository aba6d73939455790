// What the tests of the CUDA emulator share: memory of the device, launches, orders.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace emulator::testing {

// Memory of the device, seen from the host.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit Buffer(const std::vector<T>& values) : Buffer(values.size()) { *this = values; }
  Buffer(std::initializer_list<T> values) : Buffer(std::vector<T>(values)) {}
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void operator=(const std::vector<T>& values) {
    EXPECT_EQ(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice),
              cudaSuccess);
  }

  operator T*() const { return data_; }  // NOLINT(google-explicit-constructor): an argument
  std::vector<T> values() const {
    std::vector<T> values(count_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost),
              cudaSuccess);
    return values;
  }

 private:
  std::size_t count_;
  T* data_ = nullptr;
};

struct Sizes {
  dim3 blocks = 1, threads = 1;
  std::size_t shared = 0;
};

// Runs a kernel. Gives what went wrong: "cudaErrorLaunchFailure: block (0, 0, 0): ...", or "".
template <class... Parameters, class... Arguments>
std::string run(Sizes sizes, void (*kernel)(Parameters...), const Arguments&... arguments) {
  launch(
      reinterpret_cast<const void*>(kernel), sizes.blocks, sizes.threads, sizes.shared, nullptr,
      [=, ... held = static_cast<Parameters>(arguments)] { kernel(held...); },
      pointers_of(static_cast<Parameters>(arguments)...));
  const cudaError_t error = cudaGetLastError();
  if (error == cudaSuccess) return "";
  return std::string(cudaGetErrorName(error)) + ": " + cudaGetErrorString(error);
}

// The order in which threads and blocks are taken up, for a scope.
class Order {
 public:
  explicit Order(const char* name) { setenv("RAREFACE_EMULATOR_ORDER", name, 1); }
  ~Order() { unsetenv("RAREFACE_EMULATOR_ORDER"); }
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;
};

constexpr const char* kOrders[] = {"forward", "reverse", "shuffled"};

inline void expect_says(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
}

}  // namespace emulator::testing
