// A host for functions of native/cuda that tests call themselves, in memory of the emulated GPU.
#pragma once

#include <vector>

#include "emulator.h"
#include "runtime/kernel.h"

namespace rareface::testing {

class EmulatedHost final : public Host {
 public:
  EmulatedHost() = default;
  ~EmulatedHost() override {
    for (const std::uint32_t counter : counters_.values()) EXPECT_EQ(counter, 0u);
    for (void* block : blocks_) cudaFree(block);
  }
  EmulatedHost(const EmulatedHost&) = delete;
  EmulatedHost& operator=(const EmulatedHost&) = delete;

  int threads() const override { return 1; }
  Precision precision() const override { return Precision::float32; }
  void parallel(std::int64_t count, Body body) override {
    for (std::int64_t i = 0; i < count; ++i) body(i);
  }
  void* scratch(std::size_t bytes) override {
    blocks_.push_back(nullptr);
    EXPECT_EQ(cudaMalloc(&blocks_.back(), bytes), cudaSuccess);
    return blocks_.back();
  }
  std::uint32_t* counters() const override { return counters_; }

 private:
  emulator::testing::Buffer<std::uint32_t> counters_ =
      emulator::testing::Buffer<std::uint32_t>(std::vector<std::uint32_t>(kCounters));
  std::vector<void*> blocks_;
};

}  // namespace rareface::testing
