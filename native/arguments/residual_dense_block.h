// The arguments of the residual dense block and of its gradient.
#pragma once

#include "conv.h"
#include "instance_norm.h"

namespace rareface {

// Attributes: convolutions, whether there are biases, whether there is a norm, alpha, slope of
// LeakyReLU, the norm's epsilon.
//
// x and the results of all convolutions lie side by side in one buffer [N, H, W, kept]: each
// convolution reads the channels before its own.
struct DenseBlock {
  std::int64_t batch, height, width, channels, growth = 0;
  int convs;
  bool biased, normed;
  float alpha, slope;
  double epsilon;

  // x, or what is like it; filter i is the call's input first_filter + i.
  DenseBlock(const Call& call, const View& x, int first_filter) {
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
  // Channels of the buffer. With a norm the last convolution's result is kept, too.
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

// Inputs: x, filters, biases if there are. Outputs: y like x, the buffer, and with a norm
// 1 / deviation [N, results] of each convolution's channels. Throws where they do not fit.
inline DenseBlock dense_block(const Call& call) {
  const DenseBlock b(call, call.in[0], 1);
  require_arity(call, 1 + b.convs * (b.biased ? 2 : 1), b.normed ? 3 : 2);
  require_floats(call.out[0], call.in[0].size(), "y");
  require_floats(call.out[1], b.pixels() * b.kept(), "the buffer");
  if (b.normed) require_floats(call.out[2], b.batch * b.results(), "the deviations");
  if (b.biased)
    for (int i = 0; i < b.convs; ++i)
      require_floats(call.in[1 + b.convs + i], b.outputs(i), "a bias");
  return b;
}

// Which of the gradient's inputs is the first filter.
inline int dense_block_grad_first_filter(const Call& call) { return call.attr(2) != 0 ? 3 : 2; }

// Inputs: dy, the buffer, with a norm the deviations, filters. Outputs: dx, the filters' gradients,
// and the biases' if there are. Throws where they do not fit.
inline DenseBlock dense_block_grad(const Call& call) {
  const int first_filter = dense_block_grad_first_filter(call);
  const DenseBlock b(call, call.in[0], first_filter);
  require_arity(call, first_filter + b.convs, 1 + b.convs * (b.biased ? 2 : 1));
  require(!(b.normed && b.biased), "a bias in front of a norm has no gradient");
  require_floats(call.in[1], b.pixels() * b.kept(), "the buffer");
  if (b.normed) require_floats(call.in[2], b.batch * b.results(), "the deviations");
  require_floats(call.out[0], call.in[0].size(), "dx");
  for (int i = 0; i < b.convs; ++i) {
    require_floats(call.out[1 + i], call.in[first_filter + i].size(), "a filter's gradient");
    if (b.biased) require_floats(call.out[1 + b.convs + i], b.outputs(i), "a bias's gradient");
  }
  return b;
}

}  // namespace rareface
