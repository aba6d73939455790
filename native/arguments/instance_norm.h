// The arguments of instance normalisation.
#pragma once

#include "epilogue.h"

namespace rareface {

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

// Of x [N, H, W, C]; all tensors of the call are like it, or it throws.
inline NormShape norm_shape(const Call& call) {
  const View& x = call.in[0];
  require(x.rank == 4, "takes tensors of rank 4");
  for (int i = 0; i < call.in_count; ++i) {
    require(call.in[i].dtype == DType::float32, "takes float32 only");
    require(call.in[i].size() == x.size(), "sizes differ");
  }
  require(call.out[0].size() == x.size(), "sizes differ");
  return {x.dims[0], x.dims[1] * x.dims[2], x.dims[3]};
}

// Attributes: activation (see epilogue.h), slope of leaky_relu, epsilon.
inline Norm norm_of(const Call& call) {
  return {static_cast<Activation>(call.attr_int(0)), static_cast<float>(call.attr(1)),
          call.attr(2)};
}

}  // namespace rareface
