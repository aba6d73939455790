// 2-D convolutions of float32 tensors on a GPU, as plain functions for every kernel that contains
// one: what cpu/conv.h is for the CPU.
//
// Tensors are NHWC on the device. Each comes with its pixel stride in floats, which may exceed its
// channel count: so a convolution can read a prefix of the channels of a wider buffer and write a
// slice of it. Filters are HWIO and dense. The factors of the products are rounded to the precision
// of the host; every sum has one order, which shapes and alignment decide. Launches only; throws
// std::runtime_error for tensors of 2^31 elements or more.
#pragma once

#include <cstdint>

#include "../arguments/conv.h"
#include "../arguments/epilogue.h"
#include "../runtime/kernel.h"

namespace rareface::cuda {

// y = epilogue(conv(x, filter)); x [batch, in_height, in_width, in_channels],
// y [batch, out_height, out_width, out_channels].
void conv_forward(const ConvShape& shape, const float* x, std::int64_t x_stride,
                  const float* filter, float* y, std::int64_t y_stride, const Epilogue& epilogue,
                  Host& host);

// dx = epilogue(gradient of conv_forward by x); also the forward of a transposed convolution. The
// epilogue's channels are in_channels.
void conv_input_grad(const ConvShape& shape, const float* dy, std::int64_t dy_stride,
                     const float* filter, float* dx, std::int64_t dx_stride,
                     const Epilogue& epilogue, Host& host);

// dfilter = gradient of conv_forward by the filter, dense HWIO; added to what is there if
// `accumulate`.
void conv_filter_grad(const ConvShape& shape, const float* x, std::int64_t x_stride,
                      const float* dy, std::int64_t dy_stride, float* dfilter, bool accumulate,
                      Host& host);

}  // namespace rareface::cuda
