// The arguments of the perceptual loss and of its gradient.
#pragma once

#include <algorithm>
#include <vector>

#include "conv.h"

namespace rareface {

// A stack of convolutions as VGG's, and which of their results are compared.
//
// Attributes of both kernels: number of convolutions, number of taps, whether the target is given
// as features, for each convolution whether a 2x2 max pooling comes before it, for each tap its
// convolution and whether it is behind the relu. Nothing follows the last tapped convolution.
struct FeatureStack {
  struct Tap {
    int conv;
    bool activated;
  };
  int convs, taps;
  bool cached;
  std::vector<bool> pooled;
  std::vector<Tap> tap;
  int kept;  // convolutions whose activations are kept: all, or all but a last one tapped before

  explicit FeatureStack(const Call& call)
      : convs(static_cast<int>(call.attr_int(0))),
        taps(static_cast<int>(call.attr_int(1))),
        cached(call.attr(2) != 0) {
    for (int i = 0; i < convs; ++i) pooled.push_back(call.attr(3 + i) != 0);
    int last = -1, last_activated = -1;
    for (int t = 0; t < taps; ++t) {
      const int conv = static_cast<int>(call.attr_int(3 + convs + 2 * t));
      const bool activated = call.attr(4 + convs + 2 * t) != 0;
      require(conv >= 0 && conv < convs, "no convolution has the number ", conv);
      tap.push_back({conv, activated});
      last = std::max(last, conv);
      if (activated) last_activated = std::max(last_activated, conv);
    }
    require(taps > 0 && last == convs - 1, "the last convolution must be tapped");
    kept = last_activated == last ? convs : convs - 1;
  }

  // Whether the result of a convolution is wanted without relu.
  bool plain(int conv) const {
    return std::any_of(tap.begin(), tap.end(),
                       [=](const Tap& t) { return t.conv == conv && !t.activated; });
  }
};

// Sizes of one convolution's input and output, of one image.
struct FeatureLayer {
  std::int64_t height, width, inputs, outputs;  // height and width of both
  bool pooled;                                  // the input comes from a pooling

  std::int64_t in_size() const { return height * width * inputs; }
  std::int64_t out_size() const { return height * width * outputs; }
  ConvShape conv(std::int64_t batch) const {
    return {.batch = batch,
            .in_height = height,
            .in_width = width,
            .in_channels = inputs,
            .out_height = height,
            .out_width = width,
            .out_channels = outputs,
            .filter_height = 3,
            .filter_width = 3,
            .pad_top = 1,
            .pad_left = 1};
  }
};

// Filter i is the call's input first_filter + i * step.
inline std::vector<FeatureLayer> feature_layers(const Call& call, const FeatureStack& stack,
                                                const View& image, int first_filter, int step) {
  require(image.rank == 4 && image.dtype == DType::float32, "takes a float32 tensor of rank 4");
  std::vector<FeatureLayer> layers;
  std::int64_t height = image.dims[1], width = image.dims[2], channels = image.dims[3];
  for (int i = 0; i < stack.convs; ++i) {
    const View& filter = call.in[first_filter + i * step];
    const bool pooled = stack.pooled[static_cast<std::size_t>(i)];
    if (pooled) height /= 2, width /= 2;
    require(height > 0 && width > 0, "the images are too small for so many poolings");
    require(filter.rank == 4 && filter.dtype == DType::float32 && filter.dims[0] == 3 &&
                filter.dims[1] == 3 && filter.dims[2] == channels,
            "filter ", i, " must be [3,3,", channels, ",outputs]");
    layers.push_back({height, width, channels, filter.dims[3], pooled});
    channels = filter.dims[3];
  }
  return layers;
}

// Both passes: the stack, its layers, and the largest that they take and give of one image.
struct PerceptualPass {
  FeatureStack stack;
  std::vector<FeatureLayer> layers;
  std::int64_t images;
  std::int64_t largest_in = 0, largest_pooled = 0, largest_out = 0;

  PerceptualPass(const Call& call, FeatureStack of, const View& image, int first_filter, int step)
      : stack(std::move(of)),
        layers(feature_layers(call, stack, image, first_filter, step)),
        images(image.dims[0]) {
    for (const FeatureLayer& layer : layers) {
      largest_in = std::max(largest_in, layer.in_size());
      if (layer.pooled) largest_pooled = std::max(largest_pooled, layer.in_size());
      largest_out = std::max(largest_out, layer.out_size());
    }
  }
  const FeatureLayer& layer(int i) const { return layers[static_cast<std::size_t>(i)]; }
  const FeatureStack::Tap& tap(int t) const { return stack.tap[static_cast<std::size_t>(t)]; }
};

// Inputs: images x, the target (images like x, or one tensor of features for each tap), then for
// each convolution its filter and bias. Outputs: the loss, a seed for each tap (the loss's gradient
// there), the activations that are kept, of x's images first and of the target's behind them.
struct PerceptualLossArguments : PerceptualPass {
  int first_filter;    // an input
  int first_kept;      // an output
  std::int64_t batch;  // of the pass: of the images, and of the target's

  explicit PerceptualLossArguments(const Call& call)
      : PerceptualPass(call, FeatureStack(call), call.in[0], first_filter_of(call), 2),
        first_filter(first_filter_of(call)),
        first_kept(1 + stack.taps),
        batch(stack.cached ? images : 2 * images) {
    require_arity(call, first_filter + 2 * stack.convs, first_kept + stack.kept);
    require(images > 0, "takes at least one image");
    require_floats(call.out[0], 1, "the loss");
    if (!stack.cached) require_floats(call.in[1], call.in[0].size(), "the target");
    for (int i = 0; i < stack.convs; ++i) {
      require_floats(bias(call, i), layer(i).outputs, "a bias");
      if (i < stack.kept)
        require_floats(call.out[first_kept + i], batch * layer(i).out_size(), "activations");
    }
    for (int t = 0; t < stack.taps; ++t) {
      if (stack.cached) require_floats(call.in[1 + t], features(t), "the target's features");
      require_floats(call.out[1 + t], features(t), "a seed");
    }
  }
  const View& filter(const Call& call, int i) const { return call.in[first_filter + 2 * i]; }
  const View& bias(const Call& call, int i) const { return call.in[first_filter + 2 * i + 1]; }
  // The size of all images' features at a tap.
  std::int64_t features(int t) const { return images * layer(tap(t).conv).out_size(); }
  // What one of them adds to the loss, times the distance.
  double share(int t) const { return 1.0 / static_cast<double>(features(t) * stack.taps); }

 private:
  static int first_filter_of(const Call& call) {
    const FeatureStack stack(call);
    return 1 + (stack.cached ? stack.taps : 1);
  }
};

// Inputs: dy of the loss, the filters, the seeds, the activations. Output: dx.
struct PerceptualLossGradArguments : PerceptualPass {
  explicit PerceptualLossGradArguments(const Call& call)
      : PerceptualPass(call, FeatureStack(call), call.out[0], 1, 1) {
    require_arity(call, 1 + stack.convs + stack.taps + stack.kept, 1);
    require_floats(call.in[0], 1, "dy");
    for (int t = 0; t < stack.taps; ++t)
      require_floats(call.in[1 + stack.convs + t], images * layer(tap(t).conv).out_size(),
                     "a seed");
    for (int i = 0; i < stack.kept; ++i)
      require(activations(call, i).size() >= images * layer(i).out_size(),
              "activations are missing");
  }
  const View& filter(const Call& call, int i) const { return call.in[1 + i]; }
  const float* seed(const Call& call, int t) const { return call.in[1 + stack.convs + t].f32(); }
  // Convolution i's result behind its relu, or null where it is not kept.
  const float* result(const Call& call, int i) const {
    return i < stack.kept ? activations(call, i).f32() : nullptr;
  }

 private:
  const View& activations(const Call& call, int i) const {
    return call.in[1 + stack.convs + stack.taps + i];
  }
};

}  // namespace rareface
