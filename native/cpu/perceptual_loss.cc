// The perceptual loss: a stack of convolutions as VGG's over images and what they should look like
// in one batch, the mean absolute difference of chosen results, and its gradient by the images.
//
// The forward pass keeps what the gradient wants: every activation, and at each tap the gradient
// that the loss has there. Weights are constants: no gradient of theirs is formed.
#include "../arguments/perceptual_loss.h"

#include <vector>

#include "../runtime/reused_scratch.h"
#include "blocks.h"
#include "conv.h"
#include "register.h"

namespace rareface::cpu {
namespace {

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

void perceptual_loss(const Call& call) {
  const PerceptualLossArguments a(call);
  const FeatureStack& stack = a.stack;
  const View& x = call.in[0];
  const float* input = x.f32();
  if (!stack.cached) {
    float* joined = scratch_floats(*call.host, 2 * x.size());
    std::copy_n(x.f32(), x.size(), joined);
    std::copy_n(call.in[1].f32(), x.size(), joined + x.size());
    input = joined;
  }
  float* pooled = scratch_floats(*call.host, a.batch * a.largest_pooled);
  float* before = scratch_floats(*call.host, a.batch * a.largest_out);  // the relu
  ReusedScratch scratch(*call.host);
  double loss = 0;
  std::int64_t height = x.dims[1], width = x.dims[2];
  for (int i = 0; i < stack.convs; ++i, scratch.rewind()) {
    const FeatureLayer& layer = a.layer(i);
    if (layer.pooled) {
      max_pool(call, a.batch, height, width, layer.inputs, input, pooled);
      input = pooled;
    }
    height = layer.height;
    width = layer.width;
    const std::int64_t size = a.batch * layer.out_size();
    float* after = i < stack.kept ? call.out[a.first_kept + i].f32_out() : nullptr;
    const bool plain = stack.plain(i);
    conv_forward(layer.conv(a.batch), input, layer.inputs, a.filter(call, i).f32(),
                 plain ? before : after, layer.outputs,
                 {.bias = a.bias(call, i).f32(),
                  .activation = plain ? Activation::linear : Activation::relu},
                 scratch);
    if (plain && after)
      for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
        for (std::int64_t k = begin; k < end; ++k) after[k] = before[k] < 0 ? 0 : before[k];
      });
    for (int t = 0; t < stack.taps; ++t) {
      if (a.tap(t).conv != i) continue;
      const float* found = a.tap(t).activated ? after : before;
      const float* wanted = stack.cached ? call.in[1 + t].f32() : found + a.features(t);
      loss += a.share(t) * distance(call, a.features(t), found, wanted,
                                    static_cast<float>(a.share(t)), call.out[1 + t].f32_out());
    }
    input = after;
  }
  call.out[0].f32_out()[0] = static_cast<float>(loss);
}

void perceptual_loss_grad(const Call& call) {
  const PerceptualLossGradArguments a(call);
  const FeatureStack& stack = a.stack;
  const View& dx = call.out[0];
  // The gradient by convolution i + 1's input, and that by what convolution i gives.
  float* incoming = scratch_floats(*call.host, a.images * a.largest_in);
  float* own = scratch_floats(*call.host, a.images * a.largest_out);
  ReusedScratch scratch(*call.host);
  for (int i = stack.convs - 1; i >= 0; --i, scratch.rewind()) {
    const FeatureLayer& layer = a.layer(i);
    const FeatureLayer* next = i + 1 < stack.convs ? &a.layer(i + 1) : nullptr;
    const float* result = a.result(call, i);

    // Two rows at a time, as the pooling takes them.
    const std::int64_t channels = layer.outputs, row = layer.width * channels;
    const std::int64_t pairs = ceil_div(layer.height, 2);
    for_rows(
        call, a.images * pairs, 2 * row, kCheapGrain, [&](std::int64_t first, std::int64_t last) {
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
                if (a.tap(t).conv != i || a.tap(t).activated != activated) continue;
                const float* seed = a.seed(call, t);
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
    conv_input_grad(layer.conv(a.images), own, layer.outputs, a.filter(call, i).f32(),
                    i == 0 ? dx.f32_out() : incoming, layer.inputs, epilogue, scratch);
  }
}

}  // namespace

void register_perceptual_loss(KernelTable& table) {
  table.add("PerceptualLoss", perceptual_loss);
  table.add("PerceptualLossGrad", perceptual_loss_grad);
}

}  // namespace rareface::cpu
