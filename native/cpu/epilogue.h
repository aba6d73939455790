// What is done to a matrix product's result while it is in cache.
#pragma once

#include <cmath>
#include <cstdint>

#include "simd.h"

namespace rareface::cpu {

// Must match `activations` in ts/backend/kernels/activation.ts.
enum class Activation : std::int32_t {
  linear = 0,
  relu = 1,
  relu6 = 2,
  elu = 3,
  leaky_relu = 4,
  prelu = 5,
  sigmoid = 6,
};

// out = residual + scale * activation(product + bias), or the same added to what is in `out`.
struct Epilogue {
  const float* bias = nullptr;  // [channels]
  Activation activation = Activation::linear;
  float slope = 0.2f;            // of leaky_relu
  const float* prelu = nullptr;  // [channels], the slopes of prelu
  float scale = 1.0f;
  const float* residual = nullptr;   // a tensor of the output's pixels; may be the output itself
  std::int64_t residual_stride = 0;  // floats from one pixel to the next
  bool accumulate = false;
};

// Comparisons are made so that NaN passes through, as in tfjs.
inline Floats activate(Floats x, Activation activation, float slope, Floats prelu) {
  const Floats zero{};
  switch (activation) {
    case Activation::linear:
      return x;
    case Activation::relu:
      return select(x < zero, zero, x);
    case Activation::relu6: {
      const Floats six = broadcast(6.0f);
      return select(x < zero, zero, select(x > six, six, x));
    }
    case Activation::leaky_relu:
      return select(x < zero, x * slope, x);
    case Activation::prelu:
      return select(x < zero, x * prelu, x);
    case Activation::elu:
      for (int l = 0; l < kLanes; ++l)
        if (x[l] < 0.0f) x[l] = std::expm1(x[l]);
      return x;
    case Activation::sigmoid:
      for (int l = 0; l < kLanes; ++l) x[l] = 1.0f / (1.0f + std::exp(-x[l]));
      return x;
  }
  return x;
}

// Applies the epilogue to the channels first..first+count of one pixel, count <= kLanes, and
// stores them. `out` and `residual` point at the pixel's first channel.
inline void finish(const Epilogue& e, Floats v, std::int64_t first, std::int64_t count, float* out,
                   const float* residual) {
  const bool whole = count == kLanes;
  const auto get = [&](const float* p) {
    return whole ? load(p + first) : load_part(p + first, count);
  };
  if (e.bias) v += get(e.bias);
  if (e.activation != Activation::linear)
    v = activate(v, e.activation, e.slope, e.prelu ? get(e.prelu) : Floats{});
  if (e.scale != 1.0f) v *= e.scale;
  if (residual) v += get(residual);
  if (e.accumulate) v += get(out);
  if (whole)
    store(out + first, v);
  else
    store_part(out + first, v, count);
}

}  // namespace rareface::cpu
