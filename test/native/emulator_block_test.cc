// The CUDA emulator: threads, barriers and exchanges, and what it says of their misuse.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "emulator.h"

namespace emulator::testing {
namespace {

constexpr unsigned kAll = 0xffffffffu;

template <class T>
std::vector<T> counted(std::size_t count) {
  std::vector<T> values(count);
  std::iota(values.begin(), values.end(), T{});
  return values;
}

// --- threads

__global__ void note_places(int* counts, dim3* sizes) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  atomicAdd(&counts[block * blockDim.x * blockDim.y * blockDim.z + thread], 1);
  sizes[0] = gridDim;
  sizes[1] = blockDim;
}

TEST(Emulator, RunsEveryThreadOnceInEveryOrder) {
  for (const char* name : kOrders) {
    const Order order(name);
    Buffer<int> counts(std::vector<int>(2 * 3 * 4 * 5 * 3 * 2));
    Buffer<dim3> sizes(2);
    EXPECT_EQ(run({{2, 3, 4}, {5, 3, 2}}, note_places, counts, sizes), "");
    EXPECT_EQ(counts.values(), std::vector<int>(720, 1)) << name;
    EXPECT_EQ(sizes.values()[0].z, 4u);
    EXPECT_EQ(sizes.values()[1].y, 3u);
  }
}

__global__ void note_order(int* order, int* next) {
  order[(*next)++] = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

TEST(Emulator, TakesUpThreadsInTheOrderAskedFor) {
  std::vector<int> expected(12);
  std::iota(expected.begin(), expected.end(), 0);
  for (const char* name : kOrders) {
    const Order order(name);
    Buffer<int> seen(12), next{0};
    EXPECT_EQ(run({3, 4}, note_order, seen, next), "");
    if (std::string(name) == "shuffled") {
      EXPECT_NE(seen.values(), expected);
      EXPECT_TRUE(std::is_permutation(expected.begin(), expected.end(), seen.values().begin()));
    } else {
      EXPECT_EQ(seen.values(), expected) << name;
    }
    std::reverse(expected.begin(), expected.end());
  }
  const Order order("sideways");
  Buffer<int> seen(1), next{0};
  expect_says(run({}, note_order, seen, next), {"RAREFACE_EMULATOR_ORDER", "'sideways'"});
}

// --- barriers

__global__ void sum_blocks(const float* in, float* out) {
  __shared__ float partial[96];
  const unsigned i = threadIdx.x;
  partial[i] = in[blockIdx.x * blockDim.x + i];
  for (unsigned width = 96; width > 3; width /= 2) {
    __syncthreads();
    if (i < width / 2) partial[i] += partial[i + width / 2];
  }
  __syncthreads();
  if (i == 0) out[blockIdx.x] = partial[0] + partial[1] + partial[2];
}

TEST(Emulator, BarriersMakeAReduction) {
  for (const char* name : kOrders) {
    const Order order(name);
    const Buffer<float> in(counted<float>(480)), out(5);
    EXPECT_EQ(run({5, 96}, sum_blocks, in, out), "");
    for (std::size_t block = 0; block < 5; ++block)
      EXPECT_EQ(out.values()[block], 96.0f * (96.0f * static_cast<float>(block) + 47.5f)) << name;
  }
}

__global__ void reverse_without_barrier(int* data) {
  __shared__ int tile[64];
  tile[threadIdx.x] = data[threadIdx.x];
  data[threadIdx.x] = tile[63 - threadIdx.x];  // a __syncthreads is missing above
}

TEST(Emulator, AnotherOrderShowsAMissingBarrier) {
  std::vector<std::vector<int>> results;
  for (const char* name : kOrders) {
    const Order order(name);
    const Buffer<int> data(counted<int>(64));
    EXPECT_EQ(run({1, 64}, reverse_without_barrier, data), "");
    results.push_back(data.values());
  }
  EXPECT_NE(results[0], results[1]);
  EXPECT_NE(results[0], results[2]);
}

__global__ void leave_early(int* data) {
  if (threadIdx.x >= 40) return;
  data[threadIdx.x] = 1;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  data[threadIdx.x] += data[threadIdx.x + 8];
  __syncthreads();
  data[threadIdx.x] += __shfl_down_sync(kAll, data[threadIdx.x], 1);
}

TEST(Emulator, ThreadsThatHaveEndedAreNotWaitedFor) {
  for (const char* name : kOrders) {
    const Order order(name);
    Buffer<int> data(40);
    EXPECT_EQ(run({1, 64}, leave_early, data), "");
    const auto values = data.values();
    EXPECT_GE(*std::min_element(values.begin(), values.begin() + 31), 4) << name;
  }
}

// --- exchanges

__global__ void shuffle_ways(int* out, int width) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(kAll, lane, 5, width);
  out[32 + lane] = __shfl_up_sync(kAll, lane, 3, width);
  out[64 + lane] = __shfl_down_sync(kAll, lane, 3, width);
  out[96 + lane] = __shfl_xor_sync(kAll, lane, 6, width);
}

TEST(Emulator, ShufflesWithinSegments) {
  for (const int width : {32, 16, 8}) {
    const Buffer<int> out(128);
    EXPECT_EQ(run({1, 32}, shuffle_ways, out, width), "");
    std::vector<int> expected(128);
    for (int lane = 0; lane < 32; ++lane) {
      const int start = lane / width * width, in = lane - start;
      int* const own = expected.data() + lane;
      own[0] = start + 5;
      own[32] = in >= 3 ? lane - 3 : lane;
      own[64] = in + 3 < width ? lane + 3 : lane;
      own[96] = lane ^ 6;
    }
    EXPECT_EQ(out.values(), expected);
  }
}

__global__ void exchange_in_branches(unsigned* votes, double* values) {
  const unsigned lane = threadIdx.x % 32, half = lane < 16 ? 0xffffu : 0xffff0000u;
  if (lane < 16) {
    votes[threadIdx.x] = __ballot_sync(half, lane % 2 == 0);
    values[threadIdx.x] = __shfl_xor_sync(half, 0.5 * lane, 15);
  } else {
    values[threadIdx.x] = __shfl_xor_sync(half, 0.25 * lane, 1);
    votes[threadIdx.x] = __ballot_sync(half, lane % 4 == 0);
  }
  __syncwarp();
  votes[threadIdx.x] += static_cast<unsigned>(__any_sync(kAll, lane == 7) + __all_sync(kAll, 1));
}

TEST(Emulator, LanesOfAMaskMeetInTheirBranch) {
  for (const char* name : kOrders) {
    const Order order(name);
    Buffer<unsigned> votes(64);
    Buffer<double> values(64);
    EXPECT_EQ(run({1, 64}, exchange_in_branches, votes, values), "");
    for (std::size_t i = 0; i < 64; ++i) {
      const int lane = static_cast<int>(i % 32);
      ASSERT_EQ(votes.values()[i], (lane < 16 ? 0x5555u : 0x11110000u) + 2);
      ASSERT_EQ(values.values()[i], lane < 16 ? 0.5 * (lane ^ 15) : 0.25 * (lane ^ 1));
    }
  }
}

// --- misuse

__global__ void divergent_barrier() {
  if (threadIdx.x < 7)
    __syncthreads();
  else
    __syncwarp();
}
__global__ void shuffle_from_ended() {
  if (threadIdx.x != 9) __shfl_sync(kAll, 1, 9);
}
__global__ void shuffle_outside_mask() { __shfl_sync(0xff, 1, 9); }
__global__ void call_for_others() { __ballot_sync(0xfe, 1); }
__global__ void meet_apart() {
  if (threadIdx.x < 3)
    __ballot_sync(kAll, 1);
  else
    __shfl_sync(kAll, 1, 0);
}
__global__ void throw_in_kernel() {
  if (threadIdx.x == 3) throw std::runtime_error("of my own");
  __syncthreads();
}
__global__ void fill(int* data, int value) { data[threadIdx.x] = value; }

void expect_works() {
  Buffer<int> data(40);
  EXPECT_EQ(run({1, 40}, fill, data, 7), "");
  EXPECT_EQ(data.values(), std::vector<int>(40, 7));
}

TEST(Emulator, SaysWhatCannotGoOn) {
  for (const char* name : kOrders) {
    const Order order(name);
    expect_says(run({{2, 1, 1}, 64}, divergent_barrier),
                {"cudaErrorLaunchFailure", "divergent barrier", "7 threads wait at __syncthreads",
                 "25 in __syncwarp", "0x7f do not come"});
    expect_says(run({1, 32}, shuffle_from_ended), {"shuffles from lane 9, which is not there"});
    expect_says(run({1, 8}, shuffle_outside_mask), {"shuffles from lane 9, which is not there"});
    expect_says(run({1, 8}, call_for_others), {"lane 0 calls a ballot of the lanes 0xfe"});
    expect_says(run({1, 32}, meet_apart), {"a ballot of the lanes", "a shuffle of the lanes"});
    expect_works();
  }
}

TEST(Emulator, ExceptionsEndTheLaunch) {
  for (const char* name : kOrders) {
    const Order order(name);
    expect_says(run({1, 40}, throw_in_kernel),
                {"block (0, 0, 0)", "thread (3, 0, 0)", "of my own"});
    expect_works();
  }
}

#if !defined(__SANITIZE_ADDRESS__)
__global__ void read_nowhere(int* data, std::uintptr_t at) {
  __syncthreads();
  if (threadIdx.x == 5) data[0] = *reinterpret_cast<volatile int*>(at);
  __syncthreads();
}
__global__ void divide(int* data, int by) { data[threadIdx.x] /= by; }
__global__ void recurse(int* data, int depth) {
  volatile int local[1000];
  for (volatile int& value : local) value = depth;
  if (depth > 0) recurse(data, depth - 1);
  data[0] = local[depth % 1000];
}

TEST(Emulator, CrashesEndTheLaunchAlone) {
  for (int again = 0; again < 2; ++again) {
    const Buffer<int> data(std::vector<int>(40));
    expect_says(run({2, 40}, read_nowhere, data, 8),
                {"cudaErrorIllegalAddress", "block (0, 0, 0): thread (5, 0, 0)", "at 0x8"});
#if defined(__x86_64__)  // elsewhere it gives 0
    expect_says(run({2, 40}, divide, data, 0), {"divides an integer by zero"});
#endif
    expect_says(run({2, 40}, recurse, data, 100), {"overflowed"});
    expect_works();
  }
}
#endif

struct Counted {
  explicit Counted(int* live) : live_(live) { ++*live_; }
  ~Counted() { --*live_; }
  int* live_;
};

__global__ void hold_while_stuck(int* live) {
  const Counted counted(live);
  if (threadIdx.x == 0) __syncwarp();
  __syncthreads();
}

TEST(Emulator, ThreadsThatAreGivenUpLeaveNothingBehind) {
  Buffer<int> live{0};
  expect_says(run({1, 100}, hold_while_stuck, live), {"divergent barrier"});
  EXPECT_EQ(live.values()[0], 0);
}

TEST(Emulator, RefusesWhatAGpuDoesNotTake) {
  Buffer<int> data(1);
  const auto refused = [&](Sizes sizes) { return run(sizes, fill, data, 0); };
  expect_says(refused({1, 1025}), {"cudaErrorInvalidConfiguration", "1025 x 1 x 1 threads"});
  expect_says(refused({1, {32, 33}}), {"cudaErrorInvalidConfiguration"});
  expect_says(refused({1, {1, 1, 65}}), {"cudaErrorInvalidConfiguration"});
  expect_says(refused({1, 0}), {"cudaErrorInvalidConfiguration"});
  expect_says(refused({0, 1}), {"cudaErrorInvalidConfiguration", "0 x 1 x 1 blocks"});
  expect_says(refused({{1, 65536}, 1}), {"cudaErrorInvalidConfiguration"});
  expect_says(refused({0x80000000u, 1}), {"cudaErrorInvalidConfiguration"});
  expect_says(refused({1, 1, 48 * 1024 + 1}), {"49153 bytes", "cudaFuncSetAttribute"});
  const auto grant = [](int bytes) {
    return cudaFuncSetAttribute(fill, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  };
  EXPECT_EQ(grant(227 * 1024), cudaSuccess);
  EXPECT_EQ(refused({1, 1, 227 * 1024}), "");
  expect_says(refused({1, 1, 227 * 1024 + 1}), {"cudaErrorInvalidValue"});
  EXPECT_EQ(grant(227 * 1024 + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace
}  // namespace emulator::testing
