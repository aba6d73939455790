// Batch normalisation with given statistics, over the last dimension.
#include "../arguments/batch_norm.h"

#include <cmath>

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

void fused_batch_norm(const Call& call) {
  const FusedBatchNormArguments a(call);
  if (a.size == 0) return;
  const View& x = call.in[0];
  const std::int64_t size = a.size, period = a.period;
  const auto at = [](const View& v, std::int64_t i) {
    return static_cast<double>(v.f32()[i % v.size()]);
  };
  // y = x * factor + shift.
  float* factor = scratch_floats(*call.host, period * 2);
  float* shift = factor + period;
  for_blocks(call, period, kCostlyGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const double scale = a.has_scale ? at(a.scale(call), i) : 1.0;
      const double f = scale / std::sqrt(at(a.variance(call), i) + a.epsilon);
      factor[i] = static_cast<float>(f);
      shift[i] = static_cast<float>((a.has_offset ? at(a.offset(call), i) : 0.0) -
                                    at(a.mean(call), i) * f);
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
