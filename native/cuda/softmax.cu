// Softmax over the last dimension.
#include "../arguments/reduce_ops.h"
#include "../arguments/softmax.h"
#include "lanes.h"
#include "register.h"

namespace rareface::cuda {
namespace {

struct Larger {
  __device__ float operator()(float a, float b) const { return ops::MaxFloat::step(a, b); }
};
struct Sum {
  __device__ double operator()(double a, double b) const { return a + b; }
};

__global__ void __launch_bounds__(kThreads)
    softmax_kernel(const float* x, float* y, unsigned rows, unsigned n, Lanes lanes) {
  __shared__ float tops[kThreads];
  __shared__ double sums[kThreads];
  const Place place(lanes, rows, 1);
  const std::int64_t row = std::int64_t{place.outer} * n;
  const unsigned first = place.exists ? place.lane : n, step = lanes.lanes();
  float top = ops::MaxFloat::kBlock;  // NaN if there is one
  for (unsigned i = first; i < n; i += step) top = ops::MaxFloat::step(top, x[row + i]);
  top = join_lanes(lanes, top, tops, Larger{});
  double sum = 0;
  for (unsigned i = first; i < n; i += step) {
    const float e = expf(x[row + i] - top);
    y[row + i] = e;
    sum += e;
  }
  sum = join_lanes(lanes, sum, sums, Sum{});
  const float scale = static_cast<float>(1.0 / sum);
  for (unsigned i = first; i < n; i += step) y[row + i] *= scale;
}

void softmax(const Call& call) {
  const SoftmaxRows s = softmax_rows(call);
  if (s.rows * s.n == 0) return;
  const Lanes lanes = Lanes::of(1, s.n);
  launch(*call.host, {blocks_for(lanes.blocks(s.rows, 1), 1), kThreads}, softmax_kernel,
         call.in[0].f32(), call.out[0].f32_out(), natural(s.rows), natural(s.n), lanes);
}

}  // namespace

void register_softmax(KernelTable& table) { table.add("Softmax", softmax); }

}  // namespace rareface::cuda
