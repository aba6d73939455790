// The arguments of tfjs's 2-D convolution kernels.
#pragma once

#include "call.h"

namespace rareface {

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

// Attributes of every convolution, depthwise ones included, in this order: strides, dilations, and
// the padding before the image; each for height, then width.
constexpr int kConvAttrs = 6;

// Throws where the tensors x [N,H,W,C], filter [h,w,C,D] and y [N,H',W',D] do not fit.
inline ConvShape conv_shape(const Call& call, const View& x, const View& filter, const View& y) {
  for (const View* v : {&x, &filter, &y}) {
    require(v->rank == 4, "takes tensors of rank 4");
    require(v->dtype == DType::float32, "takes float32 only");
  }
  require(x.dims[0] == y.dims[0], "the batch sizes of image and result differ: ", x.dims[0],
          " and ", y.dims[0]);
  require(x.dims[3] == filter.dims[2] && y.dims[3] == filter.dims[3],
          "the filter's channels do not fit: ", filter.dims[2], " -> ", filter.dims[3], " for ",
          x.dims[3], " -> ", y.dims[3]);
  const ConvShape shape{.batch = x.dims[0],
                        .in_height = x.dims[1],
                        .in_width = x.dims[2],
                        .in_channels = x.dims[3],
                        .out_height = y.dims[1],
                        .out_width = y.dims[2],
                        .out_channels = y.dims[3],
                        .filter_height = filter.dims[0],
                        .filter_width = filter.dims[1],
                        .stride_h = call.attr_int(0),
                        .stride_w = call.attr_int(1),
                        .dilation_h = call.attr_int(2),
                        .dilation_w = call.attr_int(3),
                        .pad_top = call.attr_int(4),
                        .pad_left = call.attr_int(5)};
  require(shape.stride_h > 0 && shape.stride_w > 0 && shape.dilation_h > 0 && shape.dilation_w > 0,
          "strides and dilations must be positive");
  return shape;
}

}  // namespace rareface
