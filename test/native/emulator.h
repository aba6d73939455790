// What the tests of the CUDA emulator share: memory of the device, launches, orders.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace emulator::testing {

// Memory of the device. The emulator's is the host's, so tests look into it.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  Buffer(std::initializer_list<T> values) : Buffer(values.size()) {
    std::copy(values.begin(), values.end(), data_);
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  operator T*() const { return data_; }  // NOLINT(google-explicit-constructor): an argument
  std::vector<T> values() const { return {data_, data_ + count_}; }

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
  launch(reinterpret_cast<const void*>(kernel), sizes.blocks, sizes.threads, sizes.shared, nullptr,
         [=, ... held = static_cast<Parameters>(arguments)] { kernel(held...); });
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
