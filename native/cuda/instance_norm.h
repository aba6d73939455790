// Instance normalisation, float32, as plain functions for every kernel that contains one. All
// pointers are to device memory; else as native/cpu/instance_norm.h says.
#pragma once

#include "../arguments/instance_norm.h"
#include "pixel_copy.h"

namespace rareface::cuda {

// y may be x. `besides` is copied meanwhile, in the same launch where that can be; it has nothing
// to do with the norm's own tensors.
void instance_norm(const NormShape& shape, const Norm& norm, const float* x, std::int64_t x_stride,
                   float* y, std::int64_t y_stride, const NormExtras& extras, Host& host,
                   const PixelCopy& besides = {});

// dx = gradient of instance_norm by x; may be dy.
void instance_norm_grad(const NormShape& shape, const Norm& norm, const float* x,
                        std::int64_t x_stride, const float* dy, std::int64_t dy_stride, float* dx,
                        std::int64_t dx_stride, Host& host);

// The same times `scale`, from the result y and `inverse`: x need not be kept. The activation is
// linear, or leaky_relu with a slope above 0. dx may be dy. dy_copy: a dense copy of dy, unless
// null.
void instance_norm_grad_of_result(const NormShape& shape, const Norm& norm, const float* y,
                                  std::int64_t y_stride, const float* inverse,
                                  std::int64_t inverse_stride, const float* dy,
                                  std::int64_t dy_stride, float scale, float* dx,
                                  std::int64_t dx_stride, Host& host, float* dy_copy = nullptr);

}  // namespace rareface::cuda
