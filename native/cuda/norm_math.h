// What normalisations do to one value, and to one value of a gradient.
//
// `slope` is that of the activation below 0: 1 of none, 0 of relu.
#pragma once

#include "../arguments/instance_norm.h"
#include "pack.h"

namespace rareface::cuda {

inline float slope_of(const Norm& norm) {
  switch (norm.activation) {
    case Activation::linear:
      return 1.0f;
    case Activation::relu:
      return 0.0f;
    case Activation::leaky_relu:
      return norm.slope;
    default:
      fail("this activation does not go with the norm");
  }
}

// NaN passes through.
__device__ __forceinline__ float activated(float z, float slope) {
  return z < 0 ? (slope == 0 ? 0.0f : z * slope) : z;
}

// dy times the activation's slope at z, or at anything of z's sign.
__device__ __forceinline__ float gated(float dy, float z, float slope) {
  return z > 0 ? dy : (slope == 0 ? 0.0f : dy * slope);
}

// The z that `activated` made y of.
__device__ __forceinline__ float before_activation(float y, float unslope) {
  return y < 0 ? y * unslope : y;
}

// Of variances that are no sums of many values.
__device__ __forceinline__ float inverse_deviation(float variance, float epsilon) {
  return 1.0f / sqrtf(variance + epsilon);
}

}  // namespace rareface::cuda
