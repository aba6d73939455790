// What is done to a matrix product's result while it is in cache.
#pragma once

#include <cstdint>

#include "../arguments/epilogue.h"
#include "vector_math.h"

namespace rareface::cpu {

// Comparisons are made so that NaN passes through, as in tfjs.
inline Vec activate(Vec x, Activation activation, float slope, Vec prelu) {
  const Vec zero{};
  switch (activation) {
    case Activation::linear:
      return x;
    case Activation::relu:
      return select(x < zero, zero, x);
    case Activation::relu6: {
      const Vec six = splat(6.0f);
      return select(x < zero, zero, select(x > six, six, x));
    }
    case Activation::leaky_relu:
      return select(x < zero, x * slope, x);
    case Activation::prelu:
      return select(x < zero, x * prelu, x);
    case Activation::elu:
      return select(x < zero, expm1(x), x);
    case Activation::sigmoid:
      return sigmoid(x);
  }
  return x;
}

// Where products go: pixel p lies at data + p * stride.
struct Output {
  float* data = nullptr;
  std::int64_t stride = 0;
};

// Applies the epilogue to the channels first..first+count of one pixel, count <= kLanes, and
// stores them.
inline void finish(const Epilogue& e, Vec v, std::int64_t first, std::int64_t count,
                   std::int64_t pixel, const Output& output) {
  const bool whole = count == kLanes;
  const auto get = [&](const float* p) { return whole ? load(p) : load_part(p, count); };
  float* out = output.data + pixel * output.stride + first;
  if (e.bias) v += get(e.bias + first);
  if (e.activation != Activation::linear)
    v = activate(v, e.activation, e.slope, e.prelu ? get(e.prelu + first) : Vec{});
  if (e.scale != 1.0f) v *= e.scale;
  if (e.residual) v += get(e.residual + pixel * e.residual_stride + first);
  if (e.accumulate) v += get(out);
  if (whole)
    store(out, v);
  else
    store_part(out, v, count);
}

}  // namespace rareface::cpu
