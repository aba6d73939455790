// The residual dense block, and its gradient, each in one call.
//
// x and the results of all convolutions lie side by side in one buffer: each convolution reads the
// channels before its own and writes its own, so that no concat is ever copied. The gradient works
// the same way on one buffer of gradients: each convolution adds to what lies before its own.
//
// Without a norm the block's last convolution is written, scaled and added to x at once. With one,
// its normalised result is kept at the end of the buffer. What the norm's gradient wants of its
// input is found from the result, which LeakyReLU with a slope above 0 gives back.
#include "blocks.h"
#include "conv.h"
#include "instance_norm.h"
#include "register.h"
#include "reused_scratch.h"

namespace rareface::cpu {
namespace {

// Attributes: convolutions, whether there are biases, whether there is a norm, alpha, slope of
// LeakyReLU, the norm's epsilon.
struct Block {
  std::int64_t batch, height, width, channels, growth = 0;
  int convs;
  bool biased, normed;
  float alpha, slope;
  double epsilon;

  Block(const Call& call, const View& x, int first_filter) {
    convs = static_cast<int>(call.attr_int(0));
    biased = call.attr(1) != 0;
    normed = call.attr(2) != 0;
    alpha = static_cast<float>(call.attr(3));
    slope = static_cast<float>(call.attr(4));
    epsilon = call.attr(5);
    require(convs >= 1, "takes at least one convolution");
    require(slope > 0, "the slope must be above 0");
    require(x.rank == 4 && x.dtype == DType::float32, "takes a float32 tensor of rank 4");
    batch = x.dims[0];
    height = x.dims[1];
    width = x.dims[2];
    channels = x.dims[3];
    if (convs > 1) growth = call.in[first_filter].dims[3];
    for (int i = 0; i < convs; ++i) {
      const View& filter = call.in[first_filter + i];
      require(filter.rank == 4 && filter.dtype == DType::float32 && filter.dims[0] == 3 &&
                  filter.dims[1] == 3 && filter.dims[2] == first(i) && filter.dims[3] == outputs(i),
              "filter ", i, " must be [3,3,", first(i), ",", outputs(i), "]");
    }
  }

  std::int64_t pixels() const { return batch * height * width; }
  // Where convolution i's own channels begin: as many as it reads.
  std::int64_t first(int i) const { return channels + i * growth; }
  std::int64_t outputs(int i) const { return last(i) ? channels : growth; }
  bool last(int i) const { return i == convs - 1; }
  // Channels of the buffer.
  std::int64_t kept() const { return first(convs - 1) + (normed ? channels : 0); }
  // Channels of all results of convolutions.
  std::int64_t results() const { return first(convs - 1); }

  ConvShape conv(int i) const {
    return {.batch = batch,
            .in_height = height,
            .in_width = width,
            .in_channels = first(i),
            .out_height = height,
            .out_width = width,
            .out_channels = outputs(i),
            .filter_height = 3,
            .filter_width = 3,
            .pad_top = 1,
            .pad_left = 1};
  }
  NormShape norm_shape(int i) const { return {batch, height * width, outputs(i)}; }
  Norm norm(int i) const {
    return {last(i) ? Activation::linear : Activation::leaky_relu, slope, epsilon};
  }
};

void require_size(const View& view, std::int64_t size, const char* what) {
  require(view.dtype == DType::float32 && view.size() == size, what, " must be ", size, " floats");
}

void copy_pixels(const Call& call, const float* from, std::int64_t from_stride, float* to,
                 std::int64_t to_stride, std::int64_t pixels, std::int64_t channels) {
  for_rows(call, pixels, channels, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p)
      std::copy_n(from + p * from_stride, channels, to + p * to_stride);
  });
}

// Inputs: x, filters, biases if there are. Outputs: y like x, the buffer [N, H, W, kept], and with
// a norm 1 / deviation [N, results] of each convolution's channels.
void residual_dense_block(const Call& call) {
  const Block b(call, call.in[0], 1);
  require_arity(call, 1 + b.convs * (b.biased ? 2 : 1), b.normed ? 3 : 2);
  require_size(call.out[0], call.in[0].size(), "y");
  require_size(call.out[1], b.pixels() * b.kept(), "the buffer");
  if (b.normed) require_size(call.out[2], b.batch * b.results(), "the deviations");
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  float* buffer = call.out[1].f32_out();
  const std::int64_t stride = b.kept();
  ReusedScratch scratch(*call.host);

  copy_pixels(call, x, b.channels, buffer, stride, b.pixels(), b.channels);
  for (int i = 0; i < b.convs; ++i, scratch.rewind()) {
    const float* filter = call.in[1 + i].f32();
    Epilogue epilogue;
    if (b.biased) {
      require_size(call.in[1 + b.convs + i], b.outputs(i), "a bias");
      epilogue.bias = call.in[1 + b.convs + i].f32();
    }
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
  auto* partial = static_cast<float*>(
      host.scratch(static_cast<std::size_t>(blocks * channels) * sizeof(float)));
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

// Inputs: dy, the buffer, with a norm the deviations, filters. Outputs: dx, the filters' gradients,
// and the biases' if there are.
void residual_dense_block_grad(const Call& call) {
  const bool normed = call.attr(2) != 0;
  const int first_filter = normed ? 3 : 2;
  const Block b(call, call.in[0], first_filter);
  require_arity(call, first_filter + b.convs, 1 + b.convs * (b.biased ? 2 : 1));
  require(!(normed && b.biased), "a bias in front of a norm has no gradient");
  require_size(call.in[1], b.pixels() * b.kept(), "the buffer");
  if (normed) require_size(call.in[2], b.batch * b.results(), "the deviations");
  require_size(call.out[0], call.in[0].size(), "dx");
  const float* dy = call.in[0].f32();
  const float* buffer = call.in[1].f32();
  float* dx = call.out[0].f32_out();
  const std::int64_t stride = b.kept();
  const std::int64_t grad_stride = b.first(b.convs - 1);
  const auto floats = [&](std::int64_t count) {
    return static_cast<float*>(call.host->scratch(static_cast<std::size_t>(count) * sizeof(float)));
  };
  float* last = floats(b.pixels() * b.channels);
  float* grads = b.convs > 1 ? floats(b.pixels() * grad_stride) : nullptr;
  ReusedScratch scratch(*call.host);

  for (int i = b.convs - 1; i >= 0; --i, scratch.rewind()) {
    // The gradient by the convolution's result.
    const float* incoming = b.last(i) ? dy : grads + b.first(i);
    float* own = b.last(i) ? last : grads + b.first(i);
    const std::int64_t own_stride = b.last(i) ? b.channels : grad_stride;
    const float scale = b.last(i) ? b.alpha : 1.0f;
    if (normed) {
      const float* inverse = call.in[2].f32() + b.first(i) - b.channels;
      instance_norm_grad_of_result(b.norm_shape(i), b.norm(i), buffer + b.first(i), stride, inverse,
                                   b.results(), incoming, own_stride, scale, own, own_stride,
                                   scratch);
    } else {
      float* sums = b.biased ? call.out[1 + b.convs + i].f32_out() : nullptr;
      if (sums) require_size(call.out[1 + b.convs + i], b.outputs(i), "a bias's gradient");
      through_activation(call, b.pixels(), b.outputs(i), incoming, own_stride,
                         b.last(i) ? nullptr : buffer + b.first(i), stride, b.slope, scale, own,
                         own_stride, sums, scratch);
    }
    const ConvShape conv = b.conv(i);
    const View& filter = call.in[first_filter + i];
    require_size(call.out[1 + i], filter.size(), "a filter's gradient");
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
