#include "thread_pool.h"

#include <chrono>

namespace rareface {
namespace {

thread_local bool inside_loop = false;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Between the kernels of one step the next loop comes within microseconds, so a waiter spins that
// long before it sleeps; an idle pool sleeps.
constexpr auto kSpin = std::chrono::microseconds(30);

template <class T>
void wait_while(const std::atomic<T>& value, T old) {
  const auto until = std::chrono::steady_clock::now() + kSpin;
  while (value.load(std::memory_order_acquire) == old) {
    for (int i = 0; i < 32; ++i) relax();
    if (std::chrono::steady_clock::now() > until) {
      value.wait(old, std::memory_order_acquire);
      return;
    }
  }
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { work(); });
  } catch (const std::exception& error) {
    const std::size_t started = workers_.size() + 1;
    stop();  // a thread that is not joined would end the process
    fail("could start only ", started, " of ", threads, " threads: ", error.what());
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping_ = true;
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::drain(Loop& loop) {
  inside_loop = true;
  for (;;) {
    const std::int64_t i = loop.next.fetch_add(1, std::memory_order_relaxed);
    if (i >= loop.count) break;
    try {
      loop.body(i);
    } catch (...) {
      const std::lock_guard lock(loop.error_mutex);
      if (!loop.error) loop.error = std::current_exception();
      loop.next.store(loop.count, std::memory_order_relaxed);
    }
  }
  inside_loop = false;
}

void ThreadPool::work() {
  std::uint32_t seen = 0;
  for (;;) {
    wait_while(generation_, seen);
    const std::uint32_t now = generation_.load(std::memory_order_acquire);
    if (now == seen) continue;
    seen = now;
    if (stopping_) return;
    inside_.fetch_add(1);
    if (Loop* loop = loop_.load()) drain(*loop);
    if (inside_.fetch_sub(1) == 1) inside_.notify_one();
  }
}

void ThreadPool::parallel(std::int64_t count, Body body) {
  if (count <= 0) return;
  if (count == 1 || workers_.empty() || inside_loop) {
    for (std::int64_t i = 0; i < count; ++i) body(i);
    return;
  }
  Loop loop(body, count);
  loop_.store(&loop);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  drain(loop);
  loop_.store(nullptr);
  for (int left = inside_.load(); left != 0; left = inside_.load()) wait_while(inside_, left);
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace rareface
