// The perceptual loss: a stack of convolutions as VGG's over images and what they should look like
// in one batch, the mean absolute difference of chosen results, and its gradient by the images.
//
// The forward pass keeps what the gradient wants: every activation, and at each tap the gradient
// that the loss has there. Weights are constants: no gradient of theirs is formed.
#include <vector>

#include "blocks.h"
#include "conv.h"
#include "register.h"
#include "reused_scratch.h"

namespace rareface::cpu {
namespace {

struct Tap {
  int conv;
  bool activated;
};

// Attributes of both kernels: number of convolutions, number of taps, whether the target is given
// as features, for each convolution whether a 2x2 max pooling comes before it, for each tap its
// convolution and whether it is behind the relu. Nothing follows the last tapped convolution.
struct Stack {
  int convs, taps;
  bool cached;
  std::vector<bool> pooled;
  std::vector<Tap> tap;
  int kept;  // convolutions whose activations are kept: all, or all but a last one tapped before

  explicit Stack(const Call& call)
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
};

// Sizes of one convolution's input and output, of one image.
struct Layer {
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
std::vector<Layer> layers_of(const Call& call, const Stack& stack, const View& image,
                             int first_filter, int step) {
  require(image.rank == 4 && image.dtype == DType::float32, "takes a float32 tensor of rank 4");
  std::vector<Layer> layers;
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

void require_size(const View& view, std::int64_t size, const char* what) {
  require(view.dtype == DType::float32 && view.size() == size, what, " must be ", size, " floats");
}

float* floats(const Call& call, std::int64_t count) {
  return static_cast<float*>(call.host->scratch(static_cast<std::size_t>(count) * sizeof(float)));
}

// Whether the first of two pixels stays the largest: the first of equal ones does, and NaN.
inline bool stays(float best, float next) { return best >= next || best != best; }

// y [batch, height, width, channels] = 2x2 max pooling of x, whose sides may have one pixel more.
void max_pool(const Call& call, std::int64_t batch, std::int64_t in_height, std::int64_t in_width,
              std::int64_t channels, const float* x, float* y) {
  const std::int64_t height = in_height / 2, width = in_width / 2;
  for_rows(call, batch * height, 4 * width * channels, kCheapGrain,
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t r = begin; r < end; ++r)
               for (std::int64_t i = 0; i < width; ++i) {
                 const std::int64_t row = r / height * in_height + r % height * 2;
                 const float* a = x + (row * in_width + 2 * i) * channels;
                 const float* b = a + channels;
                 const float* c = a + in_width * channels;
                 const float* d = c + channels;
                 float* out = y + (r * width + i) * channels;
#pragma omp simd
                 for (std::int64_t k = 0; k < channels; ++k) {
                   float best = a[k];
                   best = stays(best, b[k]) ? best : b[k];
                   best = stays(best, c[k]) ? best : c[k];
                   best = stays(best, d[k]) ? best : d[k];
                   out[k] = best;
                 }
               }
           });
}

// Gives dy to the pixel that won, 0 to the others of the four.
void route(const float* const (&x)[4], const float* dy, float* const (&dx)[4],
           std::int64_t channels) {
#pragma omp simd
  for (std::int64_t k = 0; k < channels; ++k) {
    float best = x[0][k];
    std::int32_t at = 0;
    at = stays(best, x[1][k]) ? at : 1;
    best = stays(best, x[1][k]) ? best : x[1][k];
    at = stays(best, x[2][k]) ? at : 2;
    best = stays(best, x[2][k]) ? best : x[2][k];
    at = stays(best, x[3][k]) ? at : 3;
    dx[0][k] = at == 0 ? dy[k] : 0;
    dx[1][k] = at == 1 ? dy[k] : 0;
    dx[2][k] = at == 2 ? dy[k] : 0;
    dx[3][k] = at == 3 ? dy[k] : 0;
  }
}

// The sum of |x - wanted|; seed = share * sign(x - wanted).
double distance(const Call& call, std::int64_t size, const float* x, const float* wanted,
                float share, float* seed) {
  std::vector<double> sums(static_cast<std::size_t>(ceil_div(size, kCheapGrain)));
  for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kAddends = 1024;  // of a sum in float
    double total = 0;
    for (std::int64_t first = begin; first < end; first += kAddends) {
      float sum = 0;
      const std::int64_t stop = std::min(end, first + kAddends);
#pragma omp simd reduction(+ : sum)
      for (std::int64_t i = first; i < stop; ++i) {
        const float d = x[i] - wanted[i];
        sum += d < 0 ? -d : d;
        seed[i] = d > 0 ? share : d < 0 ? -share : d;  // keeps NaN
      }
      total += static_cast<double>(sum);
    }
    sums[static_cast<std::size_t>(begin / kCheapGrain)] = total;
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

// Inputs: images x, the target (images like x, or one tensor of features for each tap), then for
// each convolution its filter and bias. Outputs: the loss, a seed for each tap, the activations
// that are kept, of x's images first and of the target's behind them.
void perceptual_loss(const Call& call) {
  const Stack stack(call);
  const View& x = call.in[0];
  const int targets = stack.cached ? stack.taps : 1;
  require_arity(call, 1 + targets + 2 * stack.convs, 1 + stack.taps + stack.kept);
  const std::vector<Layer> layers = layers_of(call, stack, x, 1 + targets, 2);
  const std::int64_t images = x.dims[0], batch = stack.cached ? images : 2 * images;
  require(images > 0, "takes at least one image");
  require_size(call.out[0], 1, "the loss");

  const float* input = x.f32();
  if (!stack.cached) {
    require_size(call.in[1], x.size(), "the target");
    float* joined = floats(call, 2 * x.size());
    std::copy_n(x.f32(), x.size(), joined);
    std::copy_n(call.in[1].f32(), x.size(), joined + x.size());
    input = joined;
  }
  std::int64_t largest_in = 0, largest_out = 0;
  for (const Layer& layer : layers) {
    if (layer.pooled) largest_in = std::max(largest_in, layer.in_size());
    largest_out = std::max(largest_out, layer.out_size());
  }
  float* pooled = floats(call, batch * largest_in);
  float* before = floats(call, batch * largest_out);  // the relu
  ReusedScratch scratch(*call.host);
  double loss = 0;
  std::int64_t height = x.dims[1], width = x.dims[2];
  for (int i = 0; i < stack.convs; ++i, scratch.rewind()) {
    const Layer& layer = layers[static_cast<std::size_t>(i)];
    const View& bias = call.in[2 + targets + 2 * i];
    require_size(bias, layer.outputs, "a bias");
    if (layer.pooled) {
      max_pool(call, batch, height, width, layer.inputs, input, pooled);
      input = pooled;
    }
    height = layer.height;
    width = layer.width;
    const std::int64_t size = batch * layer.out_size();
    float* after = nullptr;
    if (i < stack.kept) {
      require_size(call.out[1 + stack.taps + i], size, "activations");
      after = call.out[1 + stack.taps + i].f32_out();
    }
    bool plain = false;  // wanted without relu
    for (const Tap& tap : stack.tap) plain |= tap.conv == i && !tap.activated;
    conv_forward(layer.conv(batch), input, layer.inputs, call.in[1 + targets + 2 * i].f32(),
                 plain ? before : after, layer.outputs,
                 {.bias = bias.f32(), .activation = plain ? Activation::linear : Activation::relu},
                 scratch);
    if (plain && after)
      for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
        for (std::int64_t k = begin; k < end; ++k) after[k] = before[k] < 0 ? 0 : before[k];
      });
    for (int t = 0; t < stack.taps; ++t) {
      const Tap& tap = stack.tap[static_cast<std::size_t>(t)];
      if (tap.conv != i) continue;
      const std::int64_t features = images * layer.out_size();
      const float* found = tap.activated ? after : before;
      if (stack.cached) require_size(call.in[1 + t], features, "the target's features");
      require_size(call.out[1 + t], features, "a seed");
      const double share = 1.0 / static_cast<double>(features * stack.taps);
      loss += share * distance(call, features, found,
                               stack.cached ? call.in[1 + t].f32() : found + features,
                               static_cast<float>(share), call.out[1 + t].f32_out());
    }
    input = after;
  }
  call.out[0].f32_out()[0] = static_cast<float>(loss);
}

// Inputs: dy of the loss, the filters, the seeds, the activations. Output: dx.
void perceptual_loss_grad(const Call& call) {
  const Stack stack(call);
  require_arity(call, 1 + stack.convs + stack.taps + stack.kept, 1);
  const View& dx = call.out[0];
  require_size(call.in[0], 1, "dy");
  const std::vector<Layer> layers = layers_of(call, stack, dx, 1, 1);
  const std::int64_t images = dx.dims[0];
  std::int64_t largest_in = 0, largest_out = 0;
  for (const Layer& layer : layers) {
    largest_in = std::max(largest_in, layer.in_size());
    largest_out = std::max(largest_out, layer.out_size());
  }
  float* incoming = floats(call, images * largest_in);  // the gradient by convolution i + 1's input
  float* own = floats(call, images * largest_out);      // the gradient by what convolution i gives
  ReusedScratch scratch(*call.host);
  for (int i = stack.convs - 1; i >= 0; --i, scratch.rewind()) {
    const Layer& layer = layers[static_cast<std::size_t>(i)];
    const Layer* next = i + 1 < stack.convs ? &layers[static_cast<std::size_t>(i) + 1] : nullptr;
    const float* result = nullptr;
    if (i < stack.kept) {
      const View& view = call.in[1 + stack.convs + stack.taps + i];
      require(view.size() >= images * layer.out_size(), "activations are missing");
      result = view.f32();
    }
    for (int t = 0; t < stack.taps; ++t)
      if (stack.tap[static_cast<std::size_t>(t)].conv == i)
        require_size(call.in[1 + stack.convs + t], images * layer.out_size(), "a seed");

    // Two rows at a time, as the pooling takes them.
    const std::int64_t channels = layer.outputs, row = layer.width * channels;
    const std::int64_t pairs = ceil_div(layer.height, 2);
    for_rows(
        call, images * pairs, 2 * row, kCheapGrain, [&](std::int64_t first, std::int64_t last) {
          for (std::int64_t p = first; p < last; ++p) {
            const std::int64_t y = p % pairs * 2;
            const std::int64_t begin = (p / pairs * layer.height + y) * row;
            const std::int64_t end = begin + std::min<std::int64_t>(2, layer.height - y) * row;
            if (next && !next->pooled)
              std::copy(incoming + begin, incoming + end, own + begin);
            else
              std::fill(own + begin, own + end, 0.0f);
            if (next && next->pooled && y / 2 < next->height)
              for (std::int64_t k = 0; k < next->width; ++k) {
                const std::int64_t a = begin + 2 * k * channels, b = a + channels;
                const float* x[4] = {result + a, result + b, result + a + row, result + b + row};
                float* to[4] = {own + a, own + b, own + a + row, own + b + row};
                route(x,
                      incoming + ((p / pairs * next->height + y / 2) * next->width + k) * channels,
                      to, channels);
              }
            const auto add_seeds = [&](bool activated) {
              for (int t = 0; t < stack.taps; ++t) {
                const Tap& tap = stack.tap[static_cast<std::size_t>(t)];
                if (tap.conv != i || tap.activated != activated) continue;
                const float* seed = call.in[1 + stack.convs + t].f32();
#pragma omp simd
                for (std::int64_t k = begin; k < end; ++k) own[k] += seed[k];
              }
            };
            add_seeds(true);
            if (result) {
#pragma omp simd
              for (std::int64_t k = begin; k < end; ++k) own[k] = result[k] <= 0 ? 0 : own[k];
            }
            add_seeds(false);
          }
        });
    // All of it is linear in dy: the last step multiplies.
    Epilogue epilogue;
    if (i == 0) epilogue.scale = call.in[0].f32()[0];
    conv_input_grad(layer.conv(images), own, layer.outputs, call.in[1 + i].f32(),
                    i == 0 ? dx.f32_out() : incoming, layer.inputs, epilogue, scratch);
  }
}

}  // namespace

void register_perceptual_loss(KernelTable& table) {
  table.add("PerceptualLoss", perceptual_loss);
  table.add("PerceptualLossGrad", perceptual_loss_grad);
}

}  // namespace rareface::cpu
