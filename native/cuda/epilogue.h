// Activations on a GPU, and the epilogue of a product's result in registers.
#pragma once

#include <cuda_runtime.h>

#include <cmath>

#include "../arguments/epilogue.h"

namespace rareface::cuda {

// Comparisons are made so that NaN passes through, as in tfjs.
__device__ inline float activate(float x, Activation activation, float slope, float prelu) {
  switch (activation) {
    case Activation::linear:
      return x;
    case Activation::relu:
      return x < 0.0f ? 0.0f : x;
    case Activation::relu6:
      return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x;
    case Activation::leaky_relu:
      return x < 0.0f ? x * slope : x;
    case Activation::prelu:
      return x < 0.0f ? x * prelu : x;
    case Activation::elu:
      return x < 0.0f ? expm1f(x) : x;
    case Activation::sigmoid:
      return 1.0f / (1.0f + expf(-x));
  }
  return x;
}

// The epilogue of one element of the product, of a channel and a pixel, whose place is `out`: what
// is to be stored there.
__device__ inline float finish(const Epilogue& e, float x, std::int64_t pixel, std::int64_t channel,
                               const float* out) {
  if (e.bias) x += e.bias[channel];
  if (e.activation != Activation::linear)
    x = activate(x, e.activation, e.slope, e.prelu ? e.prelu[channel] : 0.0f);
  x *= e.scale;
  if (e.residual) x += e.residual[pixel * e.residual_stride + channel];
  if (e.accumulate) x += *out;
  return x;
}

// Stores `count` elements from `channel` on, at most four. `vectors`: whether `out` takes four as
// one.
__device__ inline void finish_columns(const Epilogue& e, float4 v, std::int64_t pixel,
                                      std::int64_t channel, int count, bool vectors, float* out) {
  v.x = finish(e, v.x, pixel, channel, out);
  if (count > 1) v.y = finish(e, v.y, pixel, channel + 1, out + 1);
  if (count > 2) v.z = finish(e, v.z, pixel, channel + 2, out + 2);
  if (count > 3) v.w = finish(e, v.w, pixel, channel + 3, out + 3);
  if (vectors) {
    *reinterpret_cast<float4*>(out) = v;
    return;
  }
  out[0] = v.x;
  if (count > 1) out[1] = v.y;
  if (count > 2) out[2] = v.z;
  if (count > 3) out[3] = v.w;
}

}  // namespace rareface::cuda
