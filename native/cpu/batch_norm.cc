// Batch normalisation with given statistics, over the last dimension.
#include <cmath>

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// Inputs: x, mean, variance, then offset and scale where the attributes say so; each a scalar, a
// vector over the last dimension, or as large as x (repeated in order). Attributes: epsilon,
// whether there is an offset, whether there is a scale.
void fused_batch_norm(const Call& call) {
  require(call.in_count >= 3 && call.out_count == 1, "takes x, mean and variance");
  const double epsilon = call.attr(0);
  const bool has_offset = call.attr(1) != 0, has_scale = call.attr(2) != 0;
  require(call.in_count == 3 + has_offset + has_scale, "inputs are missing");
  const View& x = call.in[0];
  const std::int64_t size = x.size();
  require(call.out[0].size() == size, "sizes differ");
  if (size == 0) return;
  // The longest of the parameters; all of them repeat with it.
  std::int64_t period = 1;
  for (int i = 1; i < call.in_count; ++i) period = std::max(period, call.in[i].size());
  for (int i = 0; i < call.in_count; ++i) {
    require(call.in[i].dtype == DType::float32, "takes float32 only");
    require(call.in[i].size() > 0 && (i == 0 ? size % period : period % call.in[i].size()) == 0,
            "the sizes of the parameters do not fit");
  }
  const auto at = [&](int input, std::int64_t i) {
    const View& v = call.in[input];
    return static_cast<double>(v.f32()[i % v.size()]);
  };
  // y = x * factor + shift.
  auto* factor =
      static_cast<float*>(call.host->scratch(static_cast<std::size_t>(period) * sizeof(float) * 2));
  float* shift = factor + period;
  for_blocks(call, period, kCostlyGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double scale = has_scale ? at(3 + has_offset, i) : 1.0;
      const double f = scale / std::sqrt(at(2, i) + epsilon);
      factor[i] = static_cast<float>(f);
      shift[i] = static_cast<float>((has_offset ? at(3, i) : 0.0) - at(1, i) * f);
    }
  });
  const float* in = x.f32();
  float* out = call.out[0].f32_out();
  if (period >= kCheapGrain) {
    for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i)
        out[i] = in[i] * factor[i % period] + shift[i % period];
    });
    return;
  }
  for_rows(call, size / period, period, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* p = in + r * period;
      float* q = out + r * period;
#pragma omp simd
      for (std::int64_t i = 0; i < period; ++i) q[i] = p[i] * factor[i] + shift[i];
    }
  });
}

}  // namespace

void register_batch_norm(KernelTable& table) { table.add("FusedBatchNorm", fused_batch_norm); }

}  // namespace rareface::cpu
