// Softmax over the last dimension.
#include <limits>

#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

void softmax_row(const float* x, float* y, std::int64_t n) {
  float top = -std::numeric_limits<float>::infinity();
  for (std::int64_t i = 0; i < n; ++i) top = (x[i] > top) | (x[i] != x[i]) ? x[i] : top;
  map_vec(x, y, n, [&](Vec v) { return exp(v - top); });
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += y[i];
  const float scale = static_cast<float>(1.0 / sum);
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] *= scale;
}

void softmax(const Call& call) {
  require_arity(call, 1, 1);
  const View& x = call.in[0];
  require(x.dtype == DType::float32 && call.out[0].dtype == DType::float32, "takes float32 only");
  require(x.rank >= 1, "takes a tensor of rank 1 or more");
  require(x.size() == call.out[0].size(), "sizes differ");
  const std::int64_t n = x.dims[x.rank - 1];
  const std::int64_t rows = product(x.dims, 0, x.rank - 1);
  const float* data = x.f32();
  float* y = call.out[0].f32_out();
  for_rows(call, rows, n, kCostlyGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) softmax_row(data + r * n, y + r * n, n);
  });
}

}  // namespace

void register_softmax(KernelTable& table) { table.add("Softmax", softmax); }

}  // namespace rareface::cpu
