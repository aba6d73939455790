// Softmax over the last dimension.
#include "../arguments/softmax.h"

#include <cstring>
#include <limits>

#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

// Up to kLanes elements; missing lanes hold `fill`.
Vec load_tail(const float* x, std::int64_t n, float fill) {
  if (n == kLanes) return load(x);
  Vec v = splat(fill);
  std::memcpy(&v, x, static_cast<std::size_t>(n) * sizeof(float));
  return v;
}

void softmax_row(const float* x, float* y, std::int64_t n) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Vec tops = splat(kLowest);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Vec v = load_tail(x + i, std::min<std::int64_t>(kLanes, n - i), kLowest);
    tops = ((v > tops) | (v != v)) ? v : tops;  // keeps a NaN
  }
  float top = kLowest;
  for (int k = 0; k < kLanes; ++k) top = tops[k] > top || tops[k] != tops[k] ? tops[k] : top;
  double sum = 0;
  for (std::int64_t begin = 0; begin < n; begin += 16 * kLanes) {
    const std::int64_t end = std::min(n, begin + 16 * kLanes);
    Vec sums{};
    for (std::int64_t i = begin; i < end; i += kLanes) {
      const std::int64_t count = std::min<std::int64_t>(kLanes, end - i);
      const Vec e = exp(load_tail(x + i, count, kLowest) - top);
      if (count == kLanes) {
        store(y + i, e);
        sums = sums + e;
      } else {
        store_part(y + i, e, count);
        sums = sums + load_part(y + i, count);
      }
    }
    for (int k = 0; k < kLanes; ++k) sum += sums[k];
  }
  const float scale = static_cast<float>(1.0 / sum);
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] *= scale;
}

void softmax(const Call& call) {
  const SoftmaxRows s = softmax_rows(call);
  const std::int64_t rows = s.rows, n = s.n;
  const float* data = call.in[0].f32();
  float* y = call.out[0].f32_out();
  for_rows(call, rows, n, kCostlyGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) softmax_row(data + r * n, y + r * n, n);
  });
}

}  // namespace

void register_softmax(KernelTable& table) { table.add("Softmax", softmax); }

}  // namespace rareface::cpu
