// Plans that run on a thread of their own, one at a time, while JavaScript goes on.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>

#include "../runtime/memory.h"
#include "../runtime/plan.h"

namespace rareface {

using PlanHandle = std::shared_ptr<Plan>;

// For the JavaScript thread. Whatever else needs the host, or memory that a
// plan works on, waits first.
class Replays {
 public:
  Replays() = default;
  Replays(const Replays&) = delete;
  Replays& operator=(const Replays&) = delete;
  ~Replays() { wait(); }

  // Waits for the plan that runs now, if any, and starts another on buffers of these ids. The
  // promise rejects with what a kernel threw. `memory` must outlive the run.
  Napi::Value start(Napi::Env env, PlanHandle plan, std::span<const std::int32_t> ids,
                    Memory& memory);

  // Returns when no plan runs.
  void wait();

 private:
  class Worker;

  void end();

  std::mutex mutex_;
  std::condition_variable ended_;
  bool running_ = false;
};

}  // namespace rareface
