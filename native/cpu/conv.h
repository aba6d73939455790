// 2-D convolutions of float32 tensors, as plain functions for every kernel that contains one. The
// factors of their products are rounded to the precision of the host.
//
// Tensors are NHWC. Each comes with its pixel stride in floats, which may exceed its channel count:
// so a convolution can read a prefix of the channels of a wider buffer and write a slice of it.
// Filters are HWIO and dense. Results are the same bit for bit for any number of threads.
#pragma once

#include <cstdint>

#include "../runtime/kernel.h"
#include "epilogue.h"

namespace rareface::cpu {

// Output pixel (oy, ox) reads input pixel (oy * stride_h + ky * dilation_h - pad_top, ...); pixels
// outside the input count as zero. Pads at the bottom and the right follow from the output's size.
struct ConvShape {
  std::int64_t batch = 1;
  std::int64_t in_height = 0, in_width = 0, in_channels = 0;
  std::int64_t out_height = 0, out_width = 0, out_channels = 0;
  std::int64_t filter_height = 1, filter_width = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t pad_top = 0, pad_left = 0;
};

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

}  // namespace rareface::cpu
