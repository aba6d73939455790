// Tasks that need memory to work in.
#pragma once

#include <algorithm>
#include <atomic>

#include "blocks.h"

namespace rareface::cpu {

// Tasks whose workers each have memory of their own, that they use again for task after task.
class Workers {
 public:
  Workers(Host& host, std::int64_t floats) : host_(host), floats_(round_up(floats, 16)) {
    if (floats_ == 0) return;
    memory_ = static_cast<float*>(
        host.scratch(static_cast<std::size_t>(host.threads() * floats_) * sizeof(float)));
  }
  // body(task, memory) for tasks 0..count-1. What is computed must not depend on the worker.
  template <class F>
  void run(std::int64_t count, F&& body) {
    std::atomic<std::int64_t> next{0};
    auto worker = [&](std::int64_t index) {
      for (std::int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < count;)
        body(task, memory_ + index * floats_);
    };
    host_.parallel(std::min<std::int64_t>(count, host_.threads()), worker);
  }

 private:
  Host& host_;
  std::int64_t floats_;
  float* memory_ = nullptr;
};

}  // namespace rareface::cpu
