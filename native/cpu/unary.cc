// Elementwise functions of one float32 tensor.
#include <algorithm>

#include "register.h"

namespace rareface::cpu {
namespace {

// Elements a task: large enough to hide the pool's cost, small enough to share.
constexpr std::int64_t kGrain = 16384;

template <float (*F)(float)>
void unary(const Call& call) {
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  const std::int64_t n = call.out[0].size();
  auto body = [&](std::int64_t block) {
    const std::int64_t end = std::min(n, (block + 1) * kGrain);
    for (std::int64_t i = block * kGrain; i < end; ++i) y[i] = F(x[i]);
  };
  call.host->parallel((n + kGrain - 1) / kGrain, body);
}

float relu(float x) { return x > 0.0f ? x : 0.0f; }
float neg(float x) { return -x; }

}  // namespace

void register_unary(KernelTable& table) {
  table.add("Relu", unary<relu>);
  table.add("Neg", unary<neg>);
}

}  // namespace rareface::cpu
