// The CPU as a device, and the host that its kernels run on: a thread pool and scratch memory.
#pragma once

#include <memory>
#include <string>

#include "device.h"
#include "kernel.h"
#include "scratch.h"
#include "thread_pool.h"

namespace rareface {

class CpuHost final : public Host, public Device {
 public:
  explicit CpuHost(int threads) : pool_(std::make_unique<ThreadPool>(threads)) {}
  CpuHost(const CpuHost&) = delete;
  CpuHost& operator=(const CpuHost&) = delete;

  int threads() const override { return pool_->threads(); }
  Precision precision() const override { return precision_; }
  void parallel(std::int64_t count, Body body) override { pool_->parallel(count, body); }
  void* scratch(std::size_t bytes) override { return scratch_.take(bytes); }

  std::string description() const override;
  void* allocate(std::size_t bytes) override { return allocate_aligned(bytes).release(); }
  void free(void* memory) noexcept override { AlignedFree{}(memory); }
  void write(void* to, const void* from, std::size_t bytes) override;
  void read(void* to, const void* from, std::size_t bytes) override { write(to, from, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override { write(to, from, bytes); }
  void wait() override {}

  // Not while a kernel runs.
  void resize(int threads) { pool_ = std::make_unique<ThreadPool>(threads); }

 private:
  void call(Kernel kernel, Call& call) override;

  std::unique_ptr<ThreadPool> pool_;
  Scratch scratch_{*this};
  Precision precision_ = Precision::float32;
};

}  // namespace rareface
