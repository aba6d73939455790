// tfjs's 2-D convolution kernels: attributes in, one call of conv.h.
#include "conv.h"
#include "epilogue_args.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// Attributes of every kernel here, in this order: strides, dilations, and the padding before the
// image; each for height, then width.
constexpr int kGeometry = 6;

ConvShape shape_of(const Call& call, const View& x, const View& filter, const View& y) {
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

// (x, filter) -> y
void conv2d(const Call& call) {
  require_arity(call, 2, 1);
  const View &x = call.in[0], &filter = call.in[1], &y = call.out[0];
  const ConvShape shape = shape_of(call, x, filter, y);
  conv_forward(shape, x.f32(), shape.in_channels, filter.f32(), y.f32_out(), shape.out_channels, {},
               *call.host);
}

// (x, filter, [bias], [prelu]) -> y; further attributes: see epilogue_args.h
void fused_conv2d(const Call& call) {
  require(call.in_count >= 2 && call.out_count == 1, "takes an image, a filter and options");
  const View &x = call.in[0], &filter = call.in[1], &y = call.out[0];
  const ConvShape shape = shape_of(call, x, filter, y);
  conv_forward(shape, x.f32(), shape.in_channels, filter.f32(), y.f32_out(), shape.out_channels,
               epilogue_of(call, 2, kGeometry, shape.out_channels), *call.host);
}

// (dy, filter) -> dx
void conv2d_backprop_input(const Call& call) {
  require_arity(call, 2, 1);
  const View &dy = call.in[0], &filter = call.in[1], &dx = call.out[0];
  const ConvShape shape = shape_of(call, dx, filter, dy);
  conv_input_grad(shape, dy.f32(), shape.out_channels, filter.f32(), dx.f32_out(),
                  shape.in_channels, {}, *call.host);
}

// (x, dy) -> dfilter
void conv2d_backprop_filter(const Call& call) {
  require_arity(call, 2, 1);
  const View &x = call.in[0], &dy = call.in[1], &dfilter = call.out[0];
  const ConvShape shape = shape_of(call, x, dfilter, dy);
  conv_filter_grad(shape, x.f32(), shape.in_channels, dy.f32(), shape.out_channels,
                   dfilter.f32_out(), false, *call.host);
}

}  // namespace

void register_conv(KernelTable& table) {
  table.add("Conv2D", conv2d);
  table.add("FusedConv2D", fused_conv2d);
  table.add("Conv2DBackpropInput", conv2d_backprop_input);
  table.add("Conv2DBackpropFilter", conv2d_backprop_filter);
}

}  // namespace rareface::cpu
