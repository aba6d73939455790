// What is done to a matrix product's result while it is in cache.
#pragma once

#include <cstdint>

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
  const float* prelu = nullptr;  // [channels], slopes of prelu
  float scale = 1.0f;
  // A tensor of the output's pixels; must not overlap the output (a long sum passes through it).
  const float* residual = nullptr;
  std::int64_t residual_stride = 0;  // floats from one pixel to the next
  bool accumulate = false;
};

}  // namespace rareface::cpu
