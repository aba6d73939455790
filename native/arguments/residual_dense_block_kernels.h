// The residual dense block's kernels, each in one call: the order of their steps.
//
// x and the results of all convolutions lie side by side in one buffer: each convolution reads the
// channels before its own and writes its own, so that no concat is ever copied. The gradient works
// the same way on one buffer of gradients: each convolution adds to what lies before its own.
//
// Without a norm the block's last convolution is written, scaled and added to x at once. With one,
// its normalised result is kept at the end of the buffer. What the norm's gradient wants of its
// input is found from the result, which LeakyReLU with a slope above 0 gives back.
#pragma once

#include "../runtime/reused_scratch.h"
#include "epilogue.h"
#include "pixel_copy.h"
#include "residual_dense_block.h"

namespace rareface {

// Back through scale and activation: dx = scale * dy, times the slope where y is not above 0.
struct ActivationGrad {
  const float* dy;
  std::int64_t dy_stride;
  const float* y;  // the activation's result, or null: there is none
  std::int64_t y_stride;
  float slope, scale;
  float* dx;  // may be dy
  std::int64_t dx_stride;
  float* copy;  // of dy, dense, or null
};

// Steps: what a device makes of a block's steps. Convolutions and norms are those of conv.h and
// instance_norm.h; besides, of an object made of the call:
//   copy_pixels(PixelCopy, Host&)
//   instance_norm(..., PixelCopy): the norm, and a copy that has nothing to do with it
//   instance_norm_grad_of_result(..., float*): the gradient, and a dense copy of dy there unless
//     null
//   through_activation(ActivationGrad, pixels, channels, sums, Host&): dx, and its sums over the
//     pixels, unless null
//   aside(work, Host&): work(host) for what nothing later waits for
//   finish(): afterwards all is there
template <class Steps>
class ResidualDenseBlockKernels {
 public:
  static void add(KernelTable& table) {
    table.add("ResidualDenseBlock", block);
    table.add("ResidualDenseBlockGrad", grad);
  }

 private:
  // See dense_block().
  static void block(const Call& call) {
    const DenseBlock b = dense_block(call);
    const float* x = call.in[0].f32();
    float* y = call.out[0].f32_out();
    float* buffer = call.out[1].f32_out();
    const std::int64_t stride = b.kept();
    Steps steps(call);
    ReusedScratch scratch(*call.host);

    // The first convolution reads x where it is; its norm brings x into the buffer meanwhile.
    const PixelCopy entry{.pixels = b.pixels(),
                          .channels = b.channels,
                          .from = x,
                          .from_stride = b.channels,
                          .to = buffer,
                          .to_stride = stride};
    if (!b.normed) steps.copy_pixels(entry, scratch);
    for (int i = 0; i < b.convs; ++i, scratch.rewind()) {
      const float* filter = call.in[1 + i].f32();
      Epilogue epilogue;
      if (b.biased) epilogue.bias = call.in[1 + b.convs + i].f32();
      float* own = buffer + b.first(i);
      if (b.normed) {
        const bool enters = i == 0;
        steps.conv_forward(b.conv(i), enters ? x : buffer, enters ? b.channels : stride, filter,
                           own, stride, epilogue, scratch);
        NormExtras extras{.inverse = call.out[2].f32_out() + b.first(i) - b.channels,
                          .inverse_stride = b.results()};
        if (b.last(i)) extras.sum = y, extras.residual = x, extras.alpha = b.alpha;
        steps.instance_norm(b.norm_shape(i), b.norm(i), own, stride, own, stride, extras, scratch,
                            enters ? entry : PixelCopy{});
      } else if (b.last(i)) {
        epilogue.scale = b.alpha;
        epilogue.residual = x;
        epilogue.residual_stride = b.channels;
        steps.conv_forward(b.conv(i), buffer, stride, filter, y, b.channels, epilogue, scratch);
      } else {
        epilogue.activation = Activation::leaky_relu;
        epilogue.slope = b.slope;
        steps.conv_forward(b.conv(i), buffer, stride, filter, own, stride, epilogue, scratch);
      }
    }
  }

  // See dense_block_grad().
  static void grad(const Call& call) {
    const DenseBlock b = dense_block_grad(call);
    const int first_filter = dense_block_grad_first_filter(call);
    const float* dy = call.in[0].f32();
    const float* buffer = call.in[1].f32();
    float* dx = call.out[0].f32_out();
    const std::int64_t stride = b.kept();
    const std::int64_t grad_stride = b.first(b.convs - 1);
    float* last = scratch_floats(*call.host, b.pixels() * b.channels);
    float* grads = b.convs > 1 ? scratch_floats(*call.host, b.pixels() * grad_stride) : nullptr;
    Steps steps(call);
    ReusedScratch scratch(*call.host);

    for (int i = b.convs - 1; i >= 0; --i, scratch.rewind()) {
      // The gradient by the convolution's result.
      const float* incoming = b.last(i) ? dy : grads + b.first(i);
      float* own = b.last(i) ? last : grads + b.first(i);
      const std::int64_t own_stride = b.last(i) ? b.channels : grad_stride;
      const float scale = b.last(i) ? b.alpha : 1.0f;
      float* copy = b.last(i) ? dx : nullptr;
      if (b.normed)
        steps.instance_norm_grad_of_result(b.norm_shape(i), b.norm(i), buffer + b.first(i), stride,
                                           call.in[2].f32() + b.first(i) - b.channels, b.results(),
                                           incoming, own_stride, scale, own, own_stride, scratch,
                                           copy);
      else
        steps.through_activation({.dy = incoming,
                                  .dy_stride = own_stride,
                                  .y = b.last(i) ? nullptr : buffer + b.first(i),
                                  .y_stride = stride,
                                  .slope = b.slope,
                                  .scale = scale,
                                  .dx = own,
                                  .dx_stride = own_stride,
                                  .copy = copy},
                                 b.pixels(), b.outputs(i),
                                 b.biased ? call.out[1 + b.convs + i].f32_out() : nullptr, scratch);
      const ConvShape conv = b.conv(i);
      const float* filter = call.in[first_filter + i].f32();
      // Nothing below writes what it reads: convolutions' gradients lie in channels of their own.
      steps.aside(
          [&](Host& host) {
            steps.conv_filter_grad(conv, buffer, stride, own, own_stride, call.out[1 + i].f32_out(),
                                   false, host);
          },
          scratch);
      Epilogue epilogue;
      if (i == 0) {
        // The first convolution's input is x alone: what has gathered there is the rest of dx,
        // which holds dy already.
        epilogue.accumulate = true;
        if (!b.last(i)) epilogue.residual = grads, epilogue.residual_stride = grad_stride;
        steps.conv_input_grad(conv, own, own_stride, filter, dx, b.channels, epilogue, scratch);
      } else {
        epilogue.accumulate = !b.last(i);
        steps.conv_input_grad(conv, own, own_stride, filter, grads, grad_stride, epilogue, scratch);
      }
    }
    steps.finish();
  }
};

}  // namespace rareface
