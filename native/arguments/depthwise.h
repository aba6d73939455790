// The arguments of tfjs's depthwise 2-D convolution kernels.
#pragma once

#include "conv.h"

namespace rareface {

// Channel c of the image x [batch, in_h, in_w, in_c] makes channels c * multiplier .. of the result
// y [batch, out_h, out_w, out_c], each with a filter of its own. Positions as in ConvShape.
struct DepthwiseShape {
  std::int64_t batch, in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w, multiplier;
  std::int64_t stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;

  constexpr std::int64_t x_at(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return ((n * in_h + y) * in_w + x) * in_c;
  }
  constexpr std::int64_t y_at(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return ((n * out_h + y) * out_w + x) * out_c;
  }
  constexpr std::int64_t in_row(std::int64_t oy, std::int64_t ky) const {
    return oy * stride_h + ky * dilation_h - pad_h;
  }
  constexpr std::int64_t in_col(std::int64_t ox, std::int64_t kx) const {
    return ox * stride_w + kx * dilation_w - pad_w;
  }
  // The result's row or column that reads position `i` of the image at filter position `k`, or -1.
  constexpr std::int64_t out_row(std::int64_t i, std::int64_t k) const {
    return reader(i + pad_h - k * dilation_h, stride_h, out_h);
  }
  constexpr std::int64_t out_col(std::int64_t i, std::int64_t k) const {
    return reader(i + pad_w - k * dilation_w, stride_w, out_w);
  }

 private:
  static constexpr std::int64_t reader(std::int64_t at, std::int64_t stride, std::int64_t size) {
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : std::int64_t{-1};
  }
};

// Attributes as of ConvShape. Throws where the tensors do not fit.
inline DepthwiseShape depthwise_shape(const Call& call, const View& x, const View& filter,
                                      const View& y) {
  for (const View* v : {&x, &filter, &y}) {
    require(v->rank == 4, "takes tensors of rank 4");
    require(v->dtype == DType::float32, "takes float32 only");
  }
  const DepthwiseShape d{.batch = x.dims[0],
                         .in_h = x.dims[1],
                         .in_w = x.dims[2],
                         .in_c = x.dims[3],
                         .out_h = y.dims[1],
                         .out_w = y.dims[2],
                         .out_c = y.dims[3],
                         .filter_h = filter.dims[0],
                         .filter_w = filter.dims[1],
                         .multiplier = filter.dims[3],
                         .stride_h = call.attr_int(0),
                         .stride_w = call.attr_int(1),
                         .dilation_h = call.attr_int(2),
                         .dilation_w = call.attr_int(3),
                         .pad_h = call.attr_int(4),
                         .pad_w = call.attr_int(5)};
  require(y.dims[0] == d.batch, "batch sizes differ");
  require(filter.dims[2] == d.in_c && d.out_c == d.in_c * d.multiplier, "the filter's channels ",
          filter.dims[2], " x ", d.multiplier, " do not fit ", d.in_c, " -> ", d.out_c);
  require(d.stride_h > 0 && d.stride_w > 0 && d.dilation_h > 0 && d.dilation_w > 0,
          "strides and dilations must be positive");
  return d;
}

}  // namespace rareface
