// The residual dense block, and its gradient, on one buffer: see
// native/cpu/residual_dense_block.cc, whose steps these are.
#include "../arguments/residual_dense_block.h"
#include "../runtime/reused_scratch.h"
#include "channel_slices.h"
#include "conv.h"
#include "instance_norm.h"
#include "norm_math.h"
#include "pixel_copy.h"
#include "register.h"

namespace rareface::cuda {
namespace {

void residual_dense_block(const Call& call) {
  const DenseBlock b = dense_block(call);
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  float* buffer = call.out[1].f32_out();
  const std::int64_t stride = b.kept();
  ReusedScratch scratch(*call.host);

  // The first convolution reads x where it is; its norm brings x into the buffer meanwhile.
  const PixelCopy entry{.pixels = b.pixels(),
                        .channels = b.channels,
                        .from = x,
                        .from_stride = b.channels,
                        .to = buffer,
                        .to_stride = stride};
  if (!b.normed) copy_pixels(entry, scratch);
  for (int i = 0; i < b.convs; ++i, scratch.rewind()) {
    const float* filter = call.in[1 + i].f32();
    Epilogue epilogue;
    if (b.biased) epilogue.bias = call.in[1 + b.convs + i].f32();
    float* own = buffer + b.first(i);
    if (b.normed) {
      conv_forward(b.conv(i), i == 0 ? x : buffer, i == 0 ? b.channels : stride, filter, own,
                   stride, epilogue, scratch);
      NormExtras extras{.inverse = call.out[2].f32_out() + b.first(i) - b.channels,
                        .inverse_stride = b.results()};
      if (b.last(i)) extras.sum = y, extras.residual = x, extras.alpha = b.alpha;
      instance_norm(b.norm_shape(i), b.norm(i), own, stride, own, stride, extras, scratch,
                    i == 0 ? entry : PixelCopy{});
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

// Back through scale and activation.
struct Gate {
  const float* dy;
  std::int64_t dy_stride;
  const float* y;  // the activation's result, or null: there is none
  std::int64_t y_stride;
  float slope, scale;
  float* dx;  // may be dy
  std::int64_t dx_stride;
  float* copy;  // of dy, dense, or null
};

// partial[chunk] = the sums over its pixels of dx's channels, unless null.
template <int Width>
__global__ void __launch_bounds__(kThreads) gate_gradient(Slices s, Gate a, float* partial) {
  __shared__ float shared[row_sums_size(Width, 1)];
  const SlicePlace<Width> place(s);
  float sums[Width] = {};
  for (int k = 0; place.has(k); ++k) {
    auto g = load_pack<Width>(a.dy + place.at(k, s, a.dy_stride));
    if (a.copy) store_pack(a.copy + place.at(k, s, s.channels), g);
    Floats<Width> y;
    if (a.y) y = load_pack<Width>(a.y + place.at(k, s, a.y_stride));
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      g.v[i] *= a.scale;
      if (a.y) g.v[i] = gated(g.v[i], y.v[i], a.slope);
      sums[i] += g.v[i];
    }
    store_pack(a.dx + place.at(k, s, a.dx_stride), g);
  }
  if (!partial) return;
  sum_rows(sums, s.lanes, shared);
  if (place.row > 0 || place.pixels == 0) return;
  for (int i = 0; i < Width; ++i) partial[place.chunk * s.channels + place.channel + i] = sums[i];
}

// What is still to be added up to gradients of biases.
struct BiasSums {
  static constexpr int kMost = 32;
  struct Bias {
    const float* partial;  // [chunks, channels]
    float* sums;
    std::int64_t chunks, channels;
    unsigned first_block;
  };
  int count = 0;
  unsigned blocks = 0;
  Bias at[kMost] = {};
};

__global__ void add_bias_sums(BiasSums table) {
  __shared__ ColumnSums shared;
  int i = table.count - 1;
  while (table.at[i].first_block > blockIdx.x) --i;
  const BiasSums::Bias bias = table.at[i];
  const std::int64_t c =
      static_cast<std::int64_t>(blockIdx.x - bias.first_block) * kColumns + threadIdx.x;
  const double sum =
      column_sum(c < bias.channels ? bias.chunks : 0, shared, [&](std::int64_t chunk) {
        return static_cast<double>(bias.partial[chunk * bias.channels + c]);
      });
  if (c < bias.channels && threadIdx.y == 0) bias.sums[c] = static_cast<float>(sum);
}

void flush(BiasSums& table, const Host& host) {
  launch(host, {.blocks = table.blocks, .threads = dim3(kColumns, kColumnRows)}, add_bias_sums,
         table);
  table.count = 0;
  table.blocks = 0;
}

// sums: where those of dx's channels go, or null. They are there after `table` was flushed.
void through_activation(const Gate& a, std::int64_t pixels, std::int64_t channels, float* sums,
                        BiasSums& table, Host& host) {
  if (channels == 0) return;
  if (pixels == 0) {
    if (sums)
      check(cudaMemsetAsync(sums, 0, static_cast<std::size_t>(channels) * sizeof(float),
                            stream_of(host)),
            "clearing a gradient");
    return;
  }
  const bool four = channels % 4 == 0 && four_wide(a.dy, a.dy_stride) &&
                    four_wide(a.y, a.y_stride) && four_wide(a.dx, a.dx_stride) &&
                    four_wide(a.copy, 4);
  with_width(four, [&](auto width) {
    // Small chunks, since a GPU wants many blocks, but not too many to be added up.
    constexpr std::int64_t kFew = 4, kMostChunks = 256;
    const int lanes = lanes_for(channels, width, width == 4 ? 8 : 32);
    const std::int64_t most = std::max(kFew, ceil_div(pixels, kThreads / lanes * kMostChunks));
    const Slices s = slices({1, pixels, channels}, width, lanes, kThreads, most);
    float* partial = sums ? scratch_floats(host, s.chunks * channels) : nullptr;
    launch(host, s.grid(), gate_gradient<width>, s, a, partial);
    if (!sums) return;
    if (table.count == BiasSums::kMost) flush(table, host);
    table.at[table.count++] = {partial, sums, s.chunks, channels, table.blocks};
    table.blocks += blocks_for(channels, kColumns);
  });
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
  BiasSums biases;

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
                                   scratch, b.last(i) ? dx : nullptr);
    } else {
      // Not from the scratch that is taken again: the partial sums stay until all are done.
      through_activation({.dy = incoming,
                          .dy_stride = own_stride,
                          .y = b.last(i) ? nullptr : buffer + b.first(i),
                          .y_stride = stride,
                          .slope = b.slope,
                          .scale = scale,
                          .dx = own,
                          .dx_stride = own_stride,
                          .copy = b.last(i) ? dx : nullptr},
                         b.pixels(), b.outputs(i),
                         b.biased ? call.out[1 + b.convs + i].f32_out() : nullptr, biases,
                         *call.host);
    }
    const ConvShape conv = b.conv(i);
    const float* filter = call.in[first_filter + i].f32();
    // Nothing below writes what it reads: convolutions' gradients lie in channels of their own.
    call.host->aside([&](Host& host) {
      conv_filter_grad(conv, buffer, stride, own, own_stride, call.out[1 + i].f32_out(), false,
                       host);
    });
    Epilogue epilogue;
    if (i == 0) {
      // The first convolution's input is x alone: what has gathered there is the rest of dx, which
      // holds dy already.
      epilogue.accumulate = true;
      if (!b.last(i)) epilogue.residual = grads, epilogue.residual_stride = grad_stride;
      conv_input_grad(conv, own, own_stride, filter, dx, b.channels, epilogue, scratch);
    } else {
      epilogue.accumulate = !b.last(i);
      conv_input_grad(conv, own, own_stride, filter, grads, grad_stride, epilogue, scratch);
    }
  }
  flush(biases, *call.host);
}

}  // namespace

void register_residual_dense_block(KernelTable& table) {
  table.add("ResidualDenseBlock", residual_dense_block);
  table.add("ResidualDenseBlockGrad", residual_dense_block_grad);
}

}  // namespace rareface::cuda
