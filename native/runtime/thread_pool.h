// A fixed set of threads that share the indices of one loop at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "kernel.h"

namespace rareface {

class ThreadPool {
 public:
  // `threads` counts the calling thread: 1 starts none. Throws std::runtime_error where the system
  // has no room for so many.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // See Host::parallel. Not reentrant: a loop inside a body runs on the body's own thread.
  void parallel(std::int64_t count, Body body);

 private:
  struct Loop {
    Body body;
    std::int64_t count;
    std::atomic<std::int64_t> next{0};
    std::exception_ptr error;
    std::mutex error_mutex;
    Loop(Body b, std::int64_t n) : body(b), count(n) {}
  };

  void work();
  void stop();
  static void drain(Loop& loop);

  std::vector<std::thread> workers_;
  std::atomic<std::uint32_t> generation_{0};
  // A worker counts itself in before it looks for a loop, and the caller takes its loop away before
  // it looks at the count: so no worker holds a loop that has ended, and the caller waits only for
  // workers that came in time.
  std::atomic<int> inside_{0};
  std::atomic<Loop*> loop_{nullptr};
  std::atomic<bool> stopping_{false};
};

}  // namespace rareface
