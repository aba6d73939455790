// Instance normalisation, float32, as plain functions for every kernel that contains one.
//
// Tensors are NHWC and come with their pixel stride in floats, as in conv.h, so that a slice of a
// wider buffer's channels can be normalised where it lies. Results are the same bit for bit for any
// number of threads.
#pragma once

#include <cstdint>

#include "../runtime/kernel.h"
#include "epilogue.h"

namespace rareface::cpu {

// The statistics are those of each channel of each sample, over its pixels.
struct NormShape {
  std::int64_t batch = 1, pixels = 0, channels = 0;
};

// linear, relu or leaky_relu of (x - mean) / sqrt(variance + epsilon).
struct Norm {
  Activation activation = Activation::linear;
  float slope = 0.2f;  // of leaky_relu
  double epsilon = 1e-5;
};

// What else the forward pass may give.
struct NormExtras {
  // 1 / sqrt(variance + epsilon): sample n's channels from inverse + n * inverse_stride.
  float* inverse = nullptr;
  std::int64_t inverse_stride = 0;
  // sum = residual + alpha * y, both dense.
  float* sum = nullptr;
  const float* residual = nullptr;
  float alpha = 1.0f;
};

// y may be x.
void instance_norm(const NormShape& shape, const Norm& norm, const float* x, std::int64_t x_stride,
                   float* y, std::int64_t y_stride, const NormExtras& extras, Host& host);

// dx = gradient of instance_norm by x; may be dy.
void instance_norm_grad(const NormShape& shape, const Norm& norm, const float* x,
                        std::int64_t x_stride, const float* dy, std::int64_t dy_stride, float* dx,
                        std::int64_t dx_stride, Host& host);

// The same times `scale`, from the result y and `inverse`: x need not be kept. The activation is
// linear, or leaky_relu with a slope above 0. dx may be dy.
void instance_norm_grad_of_result(const NormShape& shape, const Norm& norm, const float* y,
                                  std::int64_t y_stride, const float* inverse,
                                  std::int64_t inverse_stride, const float* dy,
                                  std::int64_t dy_stride, float scale, float* dx,
                                  std::int64_t dx_stride, Host& host);

}  // namespace rareface::cpu
