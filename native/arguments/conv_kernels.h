// tfjs's 2-D convolution kernels: attributes in, one call of a convolution.
#pragma once

#include "conv.h"
#include "epilogue.h"

namespace rareface {

// Of convolutions as functions (cpu/conv.h, cuda/conv.h), and of the epilogue of a call.
template <auto forward, auto input_grad, auto filter_grad, auto epilogue_of>
class ConvKernels {
 public:
  static void add(KernelTable& table) {
    table.add("Conv2D", conv2d);
    table.add("FusedConv2D", fused_conv2d);
    table.add("Conv2DBackpropInput", conv2d_backprop_input);
    table.add("Conv2DBackpropFilter", conv2d_backprop_filter);
  }

 private:
  // (x, filter) -> y
  static void conv2d(const Call& call) {
    require_arity(call, 2, 1);
    const View &x = call.in[0], &filter = call.in[1], &y = call.out[0];
    const ConvShape shape = conv_shape(call, x, filter, y);
    forward(shape, x.f32(), shape.in_channels, filter.f32(), y.f32_out(), shape.out_channels, {},
            *call.host);
  }

  // (x, filter, [bias], [prelu]) -> y; further attributes: see epilogue.h
  static void fused_conv2d(const Call& call) {
    require(call.in_count >= 2 && call.out_count == 1, "takes an image, a filter and options");
    const View &x = call.in[0], &filter = call.in[1], &y = call.out[0];
    const ConvShape shape = conv_shape(call, x, filter, y);
    forward(shape, x.f32(), shape.in_channels, filter.f32(), y.f32_out(), shape.out_channels,
            epilogue_of(call, 2, kConvAttrs, shape.out_channels), *call.host);
  }

  // (dy, filter) -> dx
  static void conv2d_backprop_input(const Call& call) {
    require_arity(call, 2, 1);
    const View &dy = call.in[0], &filter = call.in[1], &dx = call.out[0];
    const ConvShape shape = conv_shape(call, dx, filter, dy);
    input_grad(shape, dy.f32(), shape.out_channels, filter.f32(), dx.f32_out(), shape.in_channels,
               {}, *call.host);
  }

  // (x, dy) -> dfilter
  static void conv2d_backprop_filter(const Call& call) {
    require_arity(call, 2, 1);
    const View &x = call.in[0], &dy = call.in[1], &dfilter = call.out[0];
    const ConvShape shape = conv_shape(call, x, dfilter, dy);
    filter_grad(shape, x.f32(), shape.in_channels, dy.f32(), shape.out_channels, dfilter.f32_out(),
                false, *call.host);
  }
};

}  // namespace rareface
