// Functions of one float, as unary_ops.h asks for them.
#pragma once

#include <cuda_runtime.h>

namespace rareface::cuda {

struct Math {
  __device__ static float abs(float x) { return fabsf(x); }
  __device__ static float exp(float x) { return expf(x); }
  __device__ static float expm1(float x) { return expm1f(x); }
  __device__ static float log(float x) { return logf(x); }
  __device__ static float log1p(float x) { return log1pf(x); }
  __device__ static float tanh(float x) { return tanhf(x); }
  __device__ static float sigmoid(float x) {
    const float e = expf(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (e + 1.0f);
  }
  __device__ static float softplus(float x) {
    const float y = log1pf(expf(-fabsf(x))) + (x > 0.0f ? x : 0.0f);
    return x != x ? x : y;
  }
};

}  // namespace rareface::cuda
