// The host that CPU kernels run on: a thread pool and scratch memory.
#pragma once

#include <memory>
#include <vector>

#include "kernel.h"
#include "memory.h"
#include "thread_pool.h"

namespace rareface {

// Scratch of one kernel call: blocks are kept and handed out again in the next call.
class Scratch {
 public:
  void* take(std::size_t bytes);
  void reset() { next_ = 0; }

 private:
  struct Block {
    AlignedBlock memory;
    std::size_t bytes = 0;
  };
  std::vector<Block> blocks_;
  std::size_t next_ = 0;
};

class CpuHost final : public Host {
 public:
  explicit CpuHost(int threads) : pool_(std::make_unique<ThreadPool>(threads)) {}
  int threads() const override { return pool_->threads(); }
  Precision precision() const override { return precision_; }
  void parallel(std::int64_t count, Body body) override { pool_->parallel(count, body); }
  void* scratch(std::size_t bytes) override { return scratch_.take(bytes); }

  // Runs a kernel with this host; its scratch is free again afterwards. What it throws names the
  // kernel, the shapes and the cause.
  void run(Kernel kernel, Call& call);

  // Not while a kernel runs.
  void resize(int threads) { pool_ = std::make_unique<ThreadPool>(threads); }

 private:
  std::unique_ptr<ThreadPool> pool_;
  Scratch scratch_;
  Precision precision_ = Precision::float32;
};

// "float32[2,3]", as error messages show a tensor.
std::string describe(const View& view);

}  // namespace rareface
