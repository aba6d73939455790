// The CUDA emulator: tensor cores, copies to shared memory, and what fresh memory holds.
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "cuda/emulator/intrinsics.h"
#include "emulator.h"

namespace emulator::testing {
namespace {

using rareface::cuda::commit_copies;
using rareface::cuda::copy_async;
using rareface::cuda::mma_bf16;
using rareface::cuda::mma_tf32;
using rareface::cuda::pack_bf16;
using rareface::cuda::shared_memory;
using rareface::cuda::wait_copies;

float bf16(float x) { return std::bit_cast<float>(pack_bf16(x, 0) << 16); }

TEST(Emulator, Bf16RoundsToNearestTiesToEven) {
  constexpr float kStep = 1.0f / 128;
  EXPECT_EQ(bf16(1 + 0.5f * kStep), 1);
  EXPECT_EQ(bf16(1 + 1.5f * kStep), 1 + 2 * kStep);
  EXPECT_EQ(bf16(-1 - 0.51f * kStep), -1 - kStep);
  EXPECT_EQ(bf16(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(bf16(NAN)));
  EXPECT_EQ(pack_bf16(1, -2), 0xc0003f80u);
}

// a: 16 x K, b: K x 8, d: 16 x 8, row-major; fragments by the tables of the PTX manual.
__global__ void multiply_tf32(const float* a, const float* b, float* d) {
  const unsigned group = threadIdx.x / 4, in_group = threadIdx.x % 4;
  std::uint32_t fa[4], fb[2];
  float fd[4];
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = i == 0 || i == 2 ? group : group + 8;
    const unsigned column = i < 2 ? in_group : in_group + 4;
    fa[i] = __float_as_uint(a[row * 8 + column]);
    fd[i] = d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)];
  }
  for (unsigned i = 0; i < 2; ++i) fb[i] = __float_as_uint(b[(in_group + 4 * i) * 8 + group]);
  mma_tf32(fd, fa, fb);
  for (unsigned i = 0; i < 4; ++i)
    d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)] = fd[i];
}

__global__ void multiply_bf16(const float* a, const float* b, float* d) {
  const unsigned group = threadIdx.x / 4, in_group = threadIdx.x % 4;
  std::uint32_t fa[4], fb[2];
  float fd[4];
  for (unsigned i = 0; i < 8; i += 2) {
    const unsigned row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
    const unsigned column = in_group * 2 + (i >= 4 ? 8 : 0);
    fa[i / 2] = pack_bf16(a[row * 16 + column], a[row * 16 + column + 1]);
  }
  for (unsigned i = 0; i < 4; i += 2) {
    const unsigned row = in_group * 2 + (i >= 2 ? 8 : 0);
    fb[i / 2] = pack_bf16(b[row * 8 + group], b[(row + 1) * 8 + group]);
  }
  for (unsigned i = 0; i < 4; ++i)
    fd[i] = d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)];
  mma_bf16(fd, fa, fb);
  for (unsigned i = 0; i < 4; ++i)
    d[(i < 2 ? group : group + 8) * 8 + in_group * 2 + (i & 1)] = fd[i];
}

// Whole numbers, of which every sum is exact, whatever its order.
TEST(Emulator, TensorCoresMultiplyWhatLiesWhereThePtxManualSays) {
  std::mt19937 engine(1);
  std::uniform_int_distribution<int> whole(-8, 8);
  for (const bool half : {false, true}) {
    const std::size_t depth = half ? 16 : 8;
    const auto draw = [&](std::size_t count) {
      std::vector<float> values(count);
      for (float& value : values) value = static_cast<float>(whole(engine));
      return values;
    };
    const auto a = draw(16 * depth), b = draw(depth * 8);
    auto sums = draw(128);
    const Buffer<float> to_a(a), to_b(b), to_sums(sums);
    for (std::size_t row = 0; row < 16; ++row)
      for (std::size_t column = 0; column < 8; ++column)
        for (std::size_t k = 0; k < depth; ++k) {
          sums[row * 8 + column] += a[row * depth + k] * b[k * 8 + column];
        }
    EXPECT_EQ(run({1, 32}, half ? multiply_bf16 : multiply_tf32, to_a, to_b, to_sums), "");
    EXPECT_EQ(to_sums.values(), sums);
  }
}

__global__ void multiply_unrounded(float* d) {
  float fd[4]{};
  const std::uint32_t a[4]{0x3f801fffu, 0, 0, 0}, b[2]{0x3f800000u, 0};
  mma_tf32(fd, a, b);
  d[threadIdx.x] = fd[0];
}

TEST(Emulator, TensorCoresCutOffWhatTf32DoesNotHold) {
  Buffer<float> d(32);
  EXPECT_EQ(run({1, 32}, multiply_unrounded, d), "");
  EXPECT_EQ(d.values()[0], 4);
  expect_says(run({1, 31}, multiply_unrounded, d), {"mma without all lanes"});
}

// What tensor cores of a GPU with this compute capability make of c + the products of `factors` and
// 1, in one row of a.
float sum_of(const char* capability, float c, std::vector<float> factors) {
  setenv("RAREFACE_EMULATOR_MACHINE", capability, 1);
  factors.resize(16 * 8);
  std::vector<float> d(128);
  d[0] = c;
  const Buffer<float> a(factors), b(std::vector<float>(8 * 8, 1.0f)), sums(d);
  EXPECT_EQ(run({1, 32}, multiply_tf32, a, b, sums), "");
  unsetenv("RAREFACE_EMULATOR_MACHINE");
  return sums.values()[0];
}

// Results that Khattak & Mikaitis (arXiv 2512.07004) tell GPUs apart by.
TEST(Emulator, TensorCoresAddUpAsGpusDo) {
  constexpr const char *kA100 = "capability=80", *kH100 = "capability=90";
  constexpr float kUnit = 0x1p-23f;  // of the last place of 1
  for (const char* gpu : {kA100, kH100}) {
    // Cut, not rounded, towards 0.
    EXPECT_EQ(sum_of(gpu, 1, {1.5f * kUnit}), 1 + kUnit);
    EXPECT_EQ(sum_of(gpu, -1, {-1.75f * kUnit}), -1 - kUnit);
    EXPECT_EQ(sum_of(gpu, 2, {kUnit}), 2);
    // One bit below the last place counts, where one addition after the other would lose both.
    EXPECT_EQ(sum_of(gpu, 1, {kUnit / 2, kUnit / 2}), 1 + kUnit);
    // Aligned to the largest, which may cancel.
    EXPECT_EQ(sum_of(gpu, 0, {0x1p30f, -0x1p30f, 1, 1}), 0);
    EXPECT_EQ(sum_of(gpu, 0, {1, 2, 3, 4, 5, 6, 7, 8}), 36);
    EXPECT_EQ(sum_of(gpu, 0x1p-140f, {}), 0x1p-140f);
  }
  // Two bits below the last place: of an H100 alone.
  const std::vector<float> quarters(4, kUnit / 4);
  EXPECT_EQ(sum_of(kA100, 1, quarters), 1);
  EXPECT_EQ(sum_of(kH100, 1, quarters), 1 + kUnit);
  // Groups of four: what is cut beside a large number in one is not in the next.
  EXPECT_EQ(sum_of(kA100, 0, {0x1p30f, -0x1p30f, 0, 0, 1}), 1);
  EXPECT_EQ(sum_of(kH100, 0, {0x1p30f, -0x1p30f, 0, 0, 1}), 0);
  // Among the smallest floats, too.
  EXPECT_EQ(sum_of(kH100, 0, {0x1p-126f, -0x1p-127f}), 0x1p-127f);
  EXPECT_EQ(sum_of(kH100, 0x1p-149f, {}), 0x1p-149f);
  // No number is lost.
  EXPECT_TRUE(std::isnan(sum_of(kH100, 0, {NAN})));
  EXPECT_EQ(sum_of(kH100, 0, {INFINITY}), INFINITY);
}

// --- copies

__global__ void stage(const float* in, float* out, int groups_to_wait_for) {
  auto* tile = shared_memory<float>();
  float* own = tile + 12 * threadIdx.x;
  for (int i = 0; i < 12; ++i) own[i] = 7;
  copy_async<16>(own, in, 16);
  commit_copies();
  copy_async<4>(own + 4, in + 4, 4);
  copy_async<4>(own + 5, in + 5, 0);
  commit_copies();
  copy_async<16>(own + 8, in + 8, 16);  // of no group
  if (groups_to_wait_for == 1) wait_copies<1>();
  if (groups_to_wait_for == 2) wait_copies<0>();
  for (int i = 0; i < 12; ++i) out[i] = own[i];
}

TEST(Emulator, CopiesArriveWhenTheyAreWaitedFor) {
  const Buffer<float> in{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const auto staged = [&](int waits) {
    Buffer<float> out(12);
    EXPECT_EQ(run({1, 2, 96}, stage, in, out, waits), "");
    auto values = out.values();
    for (float& value : values)
      if (std::isnan(value)) value = -1;
    return values;
  };
  using Values = std::vector<float>;
  EXPECT_EQ(staged(0), (Values{-1, -1, -1, -1, -1, -1, 7, 7, -1, -1, -1, -1}));
  EXPECT_EQ(staged(1), (Values{1, 2, 3, 4, -1, -1, 7, 7, -1, -1, -1, -1}));
  EXPECT_EQ(staged(2), (Values{1, 2, 3, 4, 5, 0, 7, 7, -1, -1, -1, -1}));
}

__global__ void copy_misaligned(const float* in, int to, int from) {
  copy_async<16>(shared_memory<float>() + to, in + from, 16);
}
__global__ void copy_a_part(const float* in) { copy_async<16>(shared_memory<float>(), in, 8); }

TEST(Emulator, RefusesCopiesThatAGpuCannotDo) {
  const Buffer<float> in(8);
  EXPECT_EQ(run({1, 1, 64}, copy_misaligned, in, 4, 4), "");
  expect_says(run({1, 1, 64}, copy_misaligned, in, 1, 0), {"cudaErrorMisalignedAddress"});
  expect_says(run({1, 1, 64}, copy_misaligned, in, 0, 2), {"cudaErrorMisalignedAddress"});
  expect_says(run({1, 1, 64}, copy_a_part, in), {"reads 0 of them or all, not 8"});
}

// --- fresh memory

__global__ void look_and_write(float* out) {
  auto* tile = shared_memory<float>();
  out[blockIdx.x * blockDim.x + threadIdx.x] = tile[threadIdx.x];
  tile[threadIdx.x] = 1;
}

TEST(Emulator, FreshMemoryHoldsNaNs) {
  const Buffer<float> fresh(100);
  for (const float value : fresh.values()) EXPECT_TRUE(std::isnan(value));
  const Buffer<float> seen(3 * 8);
  EXPECT_EQ(run({3, 8, 32}, look_and_write, seen), "");
  for (const float value : seen.values()) EXPECT_TRUE(std::isnan(value));
}

#if defined(__SANITIZE_ADDRESS__)
__global__ void write_at(float* data, int at) { data[at] = 1; }
__global__ void write_shared_at(int at) { shared_memory<float>()[at] = 1; }

TEST(EmulatorDeathTest, AddressSanitizerSeesWhatLeavesABlock) {
  const Buffer<float> data(5);
  EXPECT_DEATH(run({}, write_at, data, 5), "heap-buffer-overflow");
  EXPECT_DEATH(run({1, 1, 20}, write_shared_at, 5), "heap-buffer-overflow");
  EXPECT_DEATH(data[0] = 1, "use-after-poison");  // by the host
}
#endif

}  // namespace
}  // namespace emulator::testing
