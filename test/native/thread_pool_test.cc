#include "runtime/thread_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace rareface {
namespace {

class ThreadPoolTest : public testing::TestWithParam<int> {
 protected:
  ThreadPool pool{GetParam()};
};

TEST_P(ThreadPoolTest, RunsEveryIndexOnce) {
  EXPECT_EQ(pool.threads(), GetParam());
  for (std::int64_t count : {0, 1, 2, 3, 7, 64, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
    auto body = [&](std::int64_t i) { runs[static_cast<std::size_t>(i)].fetch_add(1); };
    pool.parallel(count, body);
    for (const auto& n : runs) ASSERT_EQ(n.load(), 1) << count;
  }
}

TEST_P(ThreadPoolTest, WritesOfTheBodiesAreSeenAfterwards) {
  std::vector<int> values(4096);
  for (int round = 1; round <= 50; ++round) {
    auto body = [&](std::int64_t i) { values[static_cast<std::size_t>(i)] += round; };
    pool.parallel(static_cast<std::int64_t>(values.size()), body);
  }
  EXPECT_TRUE(std::all_of(values.begin(), values.end(), [](int v) { return v == 50 * 51 / 2; }));
}

TEST_P(ThreadPoolTest, ManyShortLoopsInARow) {
  std::int64_t total = 0;
  for (int round = 0; round < 5000; ++round) {
    std::atomic<std::int64_t> sum{0};
    auto body = [&](std::int64_t i) { sum.fetch_add(i + 1, std::memory_order_relaxed); };
    pool.parallel(4, body);
    total += sum.load();
  }
  EXPECT_EQ(total, 5000 * 10);
}

TEST_P(ThreadPoolTest, LoopsInsideLoopsRunOnTheSameThread) {
  std::vector<std::atomic<int>> runs(8 * 16);
  auto outer = [&](std::int64_t i) {
    auto inner = [&](std::int64_t j) { runs[static_cast<std::size_t>(i * 16 + j)].fetch_add(1); };
    pool.parallel(16, inner);
  };
  pool.parallel(8, outer);
  for (const auto& n : runs) EXPECT_EQ(n.load(), 1);
}

TEST_P(ThreadPoolTest, RethrowsWhatABodyThrows) {
  auto body = [](std::int64_t i) {
    if (i == 37) throw std::runtime_error("index 37");
  };
  try {
    pool.parallel(100, body);
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()), "index 37");
  }
}

TEST_P(ThreadPoolTest, WorksOnAfterExceptions) {
  for (int round = 0; round < 100; ++round) {
    auto bad = [](std::int64_t) { throw std::runtime_error("every index"); };
    EXPECT_THROW(pool.parallel(16, bad), std::runtime_error);
    std::atomic<int> runs{0};
    auto good = [&](std::int64_t) { ++runs; };
    pool.parallel(16, good);
    ASSERT_EQ(runs.load(), 16);
  }
}

TEST_P(ThreadPoolTest, AnExceptionInAnInnerLoopReachesTheCaller) {
  auto outer = [&](std::int64_t i) {
    auto inner = [i](std::int64_t j) {
      if (i == 2 && j == 3) throw std::runtime_error("inner");
    };
    pool.parallel(4, inner);
  };
  EXPECT_THROW(pool.parallel(4, outer), std::runtime_error);
  std::atomic<int> runs{0};
  auto good = [&](std::int64_t) { ++runs; };
  pool.parallel(16, good);
  EXPECT_EQ(runs.load(), 16);
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, testing::Values(1, 2, 3, 8));

TEST(ThreadPool, ComesAndGoes) {
  for (int round = 0; round < 50; ++round) {
    ThreadPool pool(4);
    if (round % 2) {
      auto body = [](std::int64_t) {};
      pool.parallel(8, body);
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need room themselves
// In a process of its own, with room for a few threads' stacks.
TEST(ThreadPoolDeathTest, ThrowsWhereNotAllThreadsCanBeStarted) {
  const auto tries = [] {
    long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t used = static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
    const rlimit room{used + (rlim_t{40} << 20), RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &room) != 0) std::exit(1);
    try {
      const ThreadPool pool(256);
    } catch (const std::runtime_error&) {
      std::exit(0);
    }
    std::exit(2);
  };
  EXPECT_EXIT(tries(), testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace rareface
