// Depthwise 2-D convolutions over NHWC images, see arguments/depthwise.h. They move more than they
// compute: a thread makes one element of the result, of neighbouring channels in neighbouring
// threads.
#include "../arguments/depthwise.h"
#include "epilogue.h"
#include "epilogue_args.h"
#include "launch.h"
#include "register.h"

namespace rareface::cuda {
namespace {

__global__ void forward(DepthwiseShape d, const float* x, const float* filter, float* y,
                        Epilogue epilogue) {
  const std::int64_t count = d.batch * d.out_h * d.out_w * d.out_c;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const std::int64_t c = i % d.out_c, pixel = i / d.out_c, ox = pixel % d.out_w;
    const std::int64_t oy = pixel / d.out_w % d.out_h, n = pixel / d.out_w / d.out_h;
    float sum = 0;
    for (std::int64_t ky = 0; ky < d.filter_h; ++ky) {
      const std::int64_t iy = d.in_row(oy, ky);
      if (iy < 0 || iy >= d.in_h) continue;
      for (std::int64_t kx = 0; kx < d.filter_w; ++kx) {
        const std::int64_t ix = d.in_col(ox, kx);
        if (ix < 0 || ix >= d.in_w) continue;
        sum +=
            x[d.x_at(n, iy, ix) + c / d.multiplier] * filter[(ky * d.filter_w + kx) * d.out_c + c];
      }
    }
    y[i] = finish(epilogue, sum, pixel, c, y + i);
  }
}

__global__ void input_grad(DepthwiseShape d, const float* dy, const float* filter, float* dx) {
  const std::int64_t count = d.batch * d.in_h * d.in_w * d.in_c;
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const std::int64_t c = i % d.in_c * d.multiplier, pixel = i / d.in_c, ix = pixel % d.in_w;
    const std::int64_t iy = pixel / d.in_w % d.in_h, n = pixel / d.in_w / d.in_h;
    float sum = 0;
    for (std::int64_t ky = 0; ky < d.filter_h; ++ky) {
      const std::int64_t oy = d.out_row(iy, ky);
      if (oy < 0) continue;
      for (std::int64_t kx = 0; kx < d.filter_w; ++kx) {
        const std::int64_t ox = d.out_col(ix, kx);
        if (ox < 0) continue;
        const float* g = dy + d.y_at(n, oy, ox) + c;
        const float* w = filter + (ky * d.filter_w + kx) * d.out_c + c;
        for (std::int64_t m = 0; m < d.multiplier; ++m) sum += g[m] * w[m];
      }
    }
    dx[i] = sum;
  }
}

constexpr int kChannels = 32, kParts = 8;

// A block makes kChannels channels of one filter position; each of its kParts warps adds up every
// kParts-th row of the result.
__global__ void __launch_bounds__(kChannels* kParts)
    filter_grad(DepthwiseShape d, const float* x, const float* dy, float* dfilter) {
  __shared__ float shared[kParts][kChannels];
  const std::int64_t strips = (d.out_c + kChannels - 1) / kChannels;
  const std::int64_t position = blockIdx.x / strips, ky = position / d.filter_w;
  const std::int64_t kx = position % d.filter_w;
  const int lane = static_cast<int>(threadIdx.x) % kChannels;
  const int part = static_cast<int>(threadIdx.x) / kChannels;
  const std::int64_t c = blockIdx.x % strips * kChannels + lane;
  float sum = 0;
  for (std::int64_t row = part; c < d.out_c && row < d.batch * d.out_h; row += kParts) {
    const std::int64_t n = row / d.out_h, oy = row % d.out_h, iy = d.in_row(oy, ky);
    if (iy < 0 || iy >= d.in_h) continue;
    float row_sum = 0;  // short sums first: a long one in float32 loses digits
    for (std::int64_t ox = 0; ox < d.out_w; ++ox) {
      const std::int64_t ix = d.in_col(ox, kx);
      if (ix < 0 || ix >= d.in_w) continue;
      row_sum += x[d.x_at(n, iy, ix) + c / d.multiplier] * dy[d.y_at(n, oy, ox) + c];
    }
    sum += row_sum;
  }
  shared[part][lane] = sum;
  __syncthreads();
  if (part != 0 || c >= d.out_c) return;
  sum = 0;
  for (int i = 0; i < kParts; ++i) sum += shared[i][lane];
  dfilter[position * d.out_c + c] = sum;
}

void start_forward(const Call& call, const DepthwiseShape& d, const Epilogue& epilogue) {
  const View& y = call.out[0];
  launch(*call.host, grid_for(y.size()), forward, d, call.in[0].f32(), call.in[1].f32(),
         y.f32_out(), epilogue);
}

// (x, filter) -> y
void depthwise(const Call& call) {
  require_arity(call, 2, 1);
  start_forward(call, depthwise_shape(call, call.in[0], call.in[1], call.out[0]), {});
}

// (x, filter, [bias], [prelu]) -> y; further attributes: see arguments/epilogue.h
void fused_depthwise(const Call& call) {
  require(call.in_count >= 2 && call.out_count == 1, "takes an image, a filter and options");
  const DepthwiseShape d = depthwise_shape(call, call.in[0], call.in[1], call.out[0]);
  Epilogue epilogue = epilogue_of(call, 2, kConvAttrs, d.out_c);
  start_forward(call, d, epilogue);
}

// (dy, filter) -> dx
void backprop_input(const Call& call) {
  require_arity(call, 2, 1);
  const View& dx = call.out[0];
  const DepthwiseShape d = depthwise_shape(call, dx, call.in[1], call.in[0]);
  launch(*call.host, grid_for(dx.size()), input_grad, d, call.in[0].f32(), call.in[1].f32(),
         dx.f32_out());
}

// (x, dy) -> dfilter
void backprop_filter(const Call& call) {
  require_arity(call, 2, 1);
  const DepthwiseShape d = depthwise_shape(call, call.in[0], call.out[0], call.in[1]);
  const std::int64_t strips = ceil_div(d.out_c, kChannels);
  launch(*call.host,
         {.blocks = blocks_for(d.filter_h * d.filter_w * strips, 1), .threads = kChannels * kParts},
         filter_grad, d, call.in[0].f32(), call.in[1].f32(), call.out[0].f32_out());
}

}  // namespace

void register_depthwise(KernelTable& table) {
  table.add("DepthwiseConv2dNative", depthwise);
  table.add("FusedDepthwiseConv2D", fused_depthwise);
  table.add("DepthwiseConv2dNativeBackpropInput", backprop_input);
  table.add("DepthwiseConv2dNativeBackpropFilter", backprop_filter);
}

}  // namespace rareface::cuda
