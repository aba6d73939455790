#include "conv.h"

#include "../runtime/reused_scratch.h"
#include "conv_bfloat16.h"
#include "conv_gather.h"
#include "conv_taps.h"
#include "conv_winograd.h"
#include "gemm_dot.h"

namespace rareface::cpu {
namespace {

// How the filter is read as B: element (k, j) of filter position t at
// t * in_channels * out_channels + k * k_stride + j * col_stride.
struct Filter {
  const float* data;
  std::int64_t depth;  // of one position
  std::int64_t width;  // positions in one row
  std::int64_t position_size;
  std::int64_t k_stride, col_stride;
};

// The source's channels are elements of Operand.
template <class Operand>
void convolve(const Image& source, const Axis& y, const Axis& x, const Filter& filter, float* out,
              std::int64_t out_height, std::int64_t out_width, std::int64_t out_stride,
              std::int64_t out_channels, const Epilogue& epilogue, Host& host) {
  const PixelGather gather(source, y, x, out_height, out_width, host);
  std::vector<std::int64_t> offsets;
  for (const auto& ty : y.taps)
    for (const auto& tx : x.taps)
      offsets.push_back((ty.index * filter.width + tx.index) * filter.position_size);
  const RightFactor b{.base = filter.data,
                      .offsets = offsets.data(),
                      .taps = static_cast<std::int64_t>(offsets.size()),
                      .depth = filter.depth,
                      .k_stride = filter.k_stride,
                      .col_stride = filter.col_stride};
  const Output output{out, out_stride};
  if (std::is_same_v<Operand, Float32> && out_channels <= kFewCols &&
      gather.segments().length >= kLanes)
    gemm_dot(gather, gather.rows(), gather.segments(), b, out_channels, output, epilogue, host);
  else
    gemm_by_rows<Operand>(gather, gather.rows(), gather.segments(), b, out_channels, output,
                          epilogue, host);
}

}  // namespace

void conv_forward(const ConvShape& s, const float* x, std::int64_t x_stride, const float* filter,
                  float* y, std::int64_t y_stride, const Epilogue& epilogue, Host& host) {
  const Image source{x, s.batch, s.in_height, s.in_width, s.in_channels, x_stride};
  const Precision precision = product_precision(host, s.in_channels, s.out_channels);
  const bool pairs = precision == Precision::bfloat16;
  if (const std::int64_t tile = winograd_tile(s, false, precision)) {
    (pairs ? winograd<Bfloat16> : winograd<Float32>)(tile,
                                                     {.source = source,
                                                      .pad_top = s.pad_top,
                                                      .pad_left = s.pad_left,
                                                      .filter = filter,
                                                      .k_stride = s.out_channels,
                                                      .col_stride = 1,
                                                      .out_height = s.out_height,
                                                      .out_width = s.out_width,
                                                      .out_channels = s.out_channels},
                                                     {y, y_stride}, epilogue, host);
    return;
  }
  const Image elements = pairs ? channel_pairs(source, host) : source;
  if (taps_pay(s, false)) {
    (pairs ? convolve_by_taps<Bfloat16> : convolve_by_taps<Float32>)(s, false, elements, filter,
                                                                     {y, y_stride}, epilogue, host);
    return;
  }
  const Axis rows =
      forward_axis(s.out_height, s.filter_height, s.stride_h, s.dilation_h, s.pad_top);
  const Axis cols = forward_axis(s.out_width, s.filter_width, s.stride_w, s.dilation_w, s.pad_left);
  const Filter b{
      filter, s.in_channels, s.filter_width, s.in_channels * s.out_channels, s.out_channels, 1};
  (pairs ? convolve<Bfloat16> : convolve<Float32>)(elements, rows, cols, b, y, s.out_height,
                                                   s.out_width, y_stride, s.out_channels, epilogue,
                                                   host);
}

void conv_input_grad(const ConvShape& s, const float* dy, std::int64_t dy_stride,
                     const float* filter, float* dx, std::int64_t dx_stride,
                     const Epilogue& epilogue, Host& host) {
  const Image source{dy, s.batch, s.out_height, s.out_width, s.out_channels, dy_stride};
  const Precision precision = product_precision(host, s.out_channels, s.in_channels);
  const bool pairs = precision == Precision::bfloat16;
  if (const std::int64_t tile = winograd_tile(s, true, precision)) {
    (pairs ? winograd<Bfloat16> : winograd<Float32>)(tile,
                                                     {.source = source,
                                                      .pad_top = 2 - s.pad_top,
                                                      .pad_left = 2 - s.pad_left,
                                                      .filter = filter,
                                                      .k_stride = 1,
                                                      .col_stride = s.out_channels,
                                                      .flipped = true,
                                                      .out_height = s.in_height,
                                                      .out_width = s.in_width,
                                                      .out_channels = s.in_channels},
                                                     {dx, dx_stride}, epilogue, host);
    return;
  }
  const Image elements = pairs ? channel_pairs(source, host) : source;
  if (taps_pay(s, true)) {
    (pairs ? convolve_by_taps<Bfloat16>
           : convolve_by_taps<Float32>)(s, true, elements, filter, {dx, dx_stride}, epilogue, host);
    return;
  }
  const Filter b{filter, s.out_channels, s.filter_width, s.in_channels * s.out_channels,
                 1,      s.out_channels};
  ReusedScratch scratch(host);
  const std::int64_t phases_h = std::min(s.stride_h, s.in_height);
  const std::int64_t phases_w = std::min(s.stride_w, s.in_width);
  for (std::int64_t py = 0; py < phases_h; ++py)
    for (std::int64_t px = 0; px < phases_w; ++px, scratch.rewind())
      (pairs ? convolve<Bfloat16>
             : convolve<Float32>)(elements,
                                  backward_axis(s.in_height, s.filter_height, s.stride_h,
                                                s.dilation_h, s.pad_top, py),
                                  backward_axis(s.in_width, s.filter_width, s.stride_w,
                                                s.dilation_w, s.pad_left, px),
                                  b, dx, s.in_height, s.in_width, dx_stride, s.in_channels,
                                  epilogue, scratch);
}

}  // namespace rareface::cpu
