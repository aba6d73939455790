// The residual dense block, and its gradient, each in one call.
//
// x and the results of all convolutions lie side by side in one buffer: each convolution reads the
// channels before its own and writes its own, so that no concat is ever copied. The gradient works
// the same way on one buffer of gradients: each convolution adds to what lies before its own.
//
// Without a norm the block's last convolution is written, scaled and added to x at once. With one,
// its normalised result is kept at the end of the buffer. What the norm's gradient wants of its
// input is found from the result, which LeakyReLU with a slope above 0 gives back.
#include "../arguments/residual_dense_block.h"

#include "../runtime/reused_scratch.h"
#include "blocks.h"
#include "conv.h"
#include "instance_norm.h"
#include "register.h"

namespace rareface::cpu {
namespace {

void copy_pixels(const Call& call, const float* from, std::int64_t from_stride, float* to,
                 std::int64_t to_stride, std::int64_t pixels, std::int64_t channels) {
  for_rows(call, pixels, channels, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      std::copy_n(from + p * from_stride, channels, to + p * to_stride);
  });
}

void residual_dense_block(const Call& call) {
  const DenseBlock b = dense_block(call);
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  float* buffer = call.out[1].f32_out();
  const std::int64_t stride = b.kept();
  ReusedScratch scratch(*call.host);

  copy_pixels(call, x, b.channels, buffer, stride, b.pixels(), b.channels);
  for (int i = 0; i < b.convs; ++i, scratch.rewind()) {
    const float* filter = call.in[1 + i].f32();
    Epilogue epilogue;
    if (b.biased) epilogue.bias = call.in[1 + b.convs + i].f32();
    float* own = buffer + b.first(i);
    if (b.normed) {
      conv_forward(b.conv(i), buffer, stride, filter, own, stride, epilogue, scratch);
      NormExtras extras{.inverse = call.out[2].f32_out() + b.first(i) - b.channels,
                        .inverse_stride = b.results()};
      if (b.last(i)) extras.sum = y, extras.residual = x, extras.alpha = b.alpha;
      instance_norm(b.norm_shape(i), b.norm(i), own, stride, own, stride, extras, scratch);
    } else if (b.last(i)) {
      epilogue.scale = b.alpha;
      epilogue.residual = x;
      epilogue.residual_stride = b.channels;
      conv_forward(b.conv(i), buffer, stride, filter, y, b.channels, epilogue, scratch);
    } else {
      epilogue.activation = Activation::leaky_relu;
      epilogue.slope = b.slope;
      conv_forward(b.conv(i), buffer, stride, filter, own, stride, epilogue, scratch);
    }
  }
}

// dx = scale * dy, times the slope where y is given and not above 0; sums = dx added up over the
// pixels, unless null. dx may be dy.
void through_activation(const Call& call, std::int64_t pixels, std::int64_t channels,
                        const float* dy, std::int64_t dy_stride, const float* y,
                        std::int64_t y_stride, float slope, float scale, float* dx,
                        std::int64_t dx_stride, float* sums, Host& host) {
  if (channels == 0) return;
  const std::int64_t rows = std::max<std::int64_t>(1, kCheapGrain / channels);
  const std::int64_t blocks = ceil_div(pixels, rows);
  float* partial = scratch_floats(host, blocks * channels);
  for_blocks(call, pixels, rows, [&](std::int64_t begin, std::int64_t end) {
    float* sum = partial + begin / rows * channels;
    std::fill_n(sum, channels, 0.0f);
    for (std::int64_t p = begin; p < end; ++p) {
      const float* from = dy + p * dy_stride;
      const float* result = y ? y + p * y_stride : nullptr;
      float* to = dx + p * dx_stride;
      if (result) {
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
          const float g = scale * from[c];
          to[c] = result[c] > 0 ? g : slope * g;
          sum[c] += to[c];
        }
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
          to[c] = scale * from[c];
          sum[c] += to[c];
        }
      }
    }
  });
  if (!sums) return;
  for (std::int64_t c = 0; c < channels; ++c) {
    double total = 0;
    for (std::int64_t block = 0; block < blocks; ++block)
      total += static_cast<double>(partial[block * channels + c]);
    sums[c] = static_cast<float>(total);
  }
}

void residual_dense_block_grad(const Call& call) {
  const DenseBlock b = dense_block_grad(call);
  const int first_filter = dense_block_grad_first_filter(call);
  const float* dy = call.in[0].f32();
  const float* buffer = call.in[1].f32();
  float* dx = call.out[0].f32_out();
  const std::int64_t stride = b.kept();
  const std::int64_t grad_stride = b.first(b.convs - 1);
  float* last = scratch_floats(*call.host, b.pixels() * b.channels);
  float* grads = b.convs > 1 ? scratch_floats(*call.host, b.pixels() * grad_stride) : nullptr;
  ReusedScratch scratch(*call.host);

  for (int i = b.convs - 1; i >= 0; --i, scratch.rewind()) {
    // The gradient by the convolution's result.
    const float* incoming = b.last(i) ? dy : grads + b.first(i);
    float* own = b.last(i) ? last : grads + b.first(i);
    const std::int64_t own_stride = b.last(i) ? b.channels : grad_stride;
    const float scale = b.last(i) ? b.alpha : 1.0f;
    if (b.normed) {
      const float* inverse = call.in[2].f32() + b.first(i) - b.channels;
      instance_norm_grad_of_result(b.norm_shape(i), b.norm(i), buffer + b.first(i), stride, inverse,
                                   b.results(), incoming, own_stride, scale, own, own_stride,
                                   scratch);
    } else {
      float* sums = b.biased ? call.out[1 + b.convs + i].f32_out() : nullptr;
      through_activation(call, b.pixels(), b.outputs(i), incoming, own_stride,
                         b.last(i) ? nullptr : buffer + b.first(i), stride, b.slope, scale, own,
                         own_stride, sums, scratch);
    }
    const ConvShape conv = b.conv(i);
    const View& filter = call.in[first_filter + i];
    conv_filter_grad(conv, buffer, stride, own, own_stride, call.out[1 + i].f32_out(), false,
                     scratch);
    // The first convolution's input is x alone: what has gathered there is the rest of dx.
    Epilogue epilogue;
    if (i == 0) {
      copy_pixels(call, dy, b.channels, dx, b.channels, b.pixels(), b.channels);
      epilogue.accumulate = true;
      if (!b.last(i)) epilogue.residual = grads, epilogue.residual_stride = grad_stride;
      conv_input_grad(conv, own, own_stride, filter.f32(), dx, b.channels, epilogue, scratch);
    } else {
      epilogue.accumulate = !b.last(i);
      conv_input_grad(conv, own, own_stride, filter.f32(), grads, grad_stride, epilogue, scratch);
    }
  }
}

}  // namespace

void register_residual_dense_block(KernelTable& table) {
  table.add("ResidualDenseBlock", residual_dense_block);
  table.add("ResidualDenseBlockGrad", residual_dense_block_grad);
}

}  // namespace rareface::cpu
