// The perceptual loss and its gradient by the images: see native/cpu/perceptual_loss.cc, whose
// steps these are.
#include "../arguments/perceptual_loss.h"
#include "../runtime/reused_scratch.h"
#include "conv.h"
#include "intrinsics.h"
#include "pack.h"
#include "register.h"

namespace rareface::cuda {
namespace {

__device__ std::int64_t first_element() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ std::int64_t element_step() { return static_cast<std::int64_t>(gridDim.x) * blockDim.x; }

// to = a, then b.
__global__ void join(const float* a, const float* b, std::int64_t size, float* to) {
  for (std::int64_t i = first_element(); i < 2 * size; i += element_step())
    to[i] = i < size ? a[i] : b[i - size];
}

// Whether the first of two pixels stays the largest: the first of equal ones does, and NaN.
__device__ __forceinline__ bool stays(float best, float next) {
  return best >= next || best != best;
}

// The largest of four pixels, and which it is.
__device__ __forceinline__ float largest(const float (&x)[4], int& at) {
  float best = x[0];
  at = 0;
#pragma unroll
  for (int i = 1; i < 4; ++i)
    if (!stays(best, x[i])) {
      best = x[i];
      at = i;
    }
  return best;
}

// Images of height x width pixels whose channels lie next to each other, cut into squares of 2x2
// pixels. Those at the end of odd sides have fewer.
struct Squares {
  std::int64_t images, height, width, channels;

  __host__ __device__ std::int64_t high() const { return (height + 1) / 2; }
  __host__ __device__ std::int64_t wide() const { return (width + 1) / 2; }
  __host__ __device__ std::int64_t count() const { return images * high() * wide(); }

  // Pixel i of a square.
  struct Square {
    std::int64_t image, row, column;  // of the square, in squares
    std::int64_t pixel[4];
    bool has[4];
    bool whole;
  };
  __device__ Square at(std::int64_t index) const {
    Square q;
    q.column = index % wide();
    q.row = index / wide() % high();
    q.image = index / (wide() * high());
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const std::int64_t y = 2 * q.row + i / 2, x = 2 * q.column + i % 2;
      q.has[i] = y < height && x < width;
      q.pixel[i] = (q.image * height + y) * width + x;
    }
    q.whole = q.has[3];
    return q;
  }
  // The pixel of the pooled images that a whole square makes.
  __device__ std::int64_t pooled(const Square& q) const {
    return (q.image * (height / 2) + q.row) * (width / 2) + q.column;
  }
};

// y = 2x2 max pooling of x.
template <int Width>
__global__ void max_pool(Squares s, const float* x, float* y) {
  for_packs<Width>(s.count(), s.channels, [&](std::int64_t index, std::int64_t c) {
    const auto square = s.at(index);
    if (!square.whole) return;
    Floats<Width> from[4], to;
#pragma unroll
    for (int i = 0; i < 4; ++i) from[i] = load_pack<Width>(x + square.pixel[i] * s.channels + c);
#pragma unroll
    for (int k = 0; k < Width; ++k) {
      int at;
      to.v[k] = largest({from[0].v[k], from[1].v[k], from[2].v[k], from[3].v[k]}, at);
    }
    store_pack(y + s.pooled(square) * s.channels + c, to);
  });
}

__device__ __forceinline__ float relu(float x) { return x < 0 ? 0.0f : x; }

struct Comparison {
  const float* found;
  const float* wanted;
  std::int64_t size;
  float share;             // of the loss that |found - wanted| of one element is
  float* seed;             // share * sign(found - wanted)
  float* activated_found;  // their relu, or null
  float* activated_wanted;
};

// partial[block] = its part of the loss.
__global__ void __launch_bounds__(kThreads) compare(Comparison a, float* partial) {
  __shared__ float shared[kThreads / 32];
  float sum = 0;
  for (std::int64_t i = first_element(); i < a.size; i += element_step()) {
    const float found = a.found[i], wanted = a.wanted[i], d = found - wanted;
    sum += d < 0 ? -d : d;
    a.seed[i] = d > 0 ? a.share : d < 0 ? -a.share : d;  // keeps NaN
    if (a.activated_found) a.activated_found[i] = relu(found);
    if (a.activated_wanted) a.activated_wanted[i] = relu(wanted);
  }
  sum = block_sum<kThreads>(sum, shared);
  if (threadIdx.x == 0) partial[blockIdx.x] = a.share * sum;
}

__global__ void __launch_bounds__(kThreads)
    add_up(const float* partial, std::int64_t count, float* sum) {
  __shared__ float shared[kThreads / 32];
  float total = 0;
  for (std::int64_t i = threadIdx.x; i < count; i += kThreads) total += partial[i];
  total = block_sum<kThreads>(total, shared);
  if (threadIdx.x == 0) *sum = total;
}

Grid comparison_grid(std::int64_t size) {
  constexpr std::int64_t kElements = kThreads * 8, kMostBlocks = 132 * 4;
  return {.blocks = static_cast<unsigned>(std::min(ceil_div(size, kElements), kMostBlocks)),
          .threads = kThreads};
}

void perceptual_loss(const Call& call) {
  const PerceptualLossArguments a(call);
  const FeatureStack& stack = a.stack;
  const View& x = call.in[0];
  Host& host = *call.host;
  const float* input = x.f32();
  if (!stack.cached) {
    float* joined = scratch_floats(host, 2 * x.size());
    launch(host, grid_for(2 * x.size()), join, x.f32(), call.in[1].f32(), x.size(), joined);
    input = joined;
  }
  float* pooled = scratch_floats(host, a.batch * a.largest_pooled);
  float* before = scratch_floats(host, a.batch * a.largest_out);  // the relu
  std::int64_t blocks = 0;
  for (int t = 0; t < stack.taps; ++t) blocks += comparison_grid(a.features(t)).blocks.x;
  float* partial = scratch_floats(host, blocks);
  std::int64_t partials = 0;
  ReusedScratch scratch(host);
  Squares images{a.batch, x.dims[1], x.dims[2], x.dims[3]};
  for (int i = 0; i < stack.convs; ++i, scratch.rewind()) {
    const FeatureLayer& layer = a.layer(i);
    if (layer.pooled) {
      const bool four = images.channels % 4 == 0 && four_wide(input, 4) && four_wide(pooled, 4);
      with_width(four, [&](auto width) {
        launch(host, pixel_grid(images.count(), images.channels / width), max_pool<width>, images,
               input, pooled);
      });
      input = pooled;
    }
    images = {a.batch, layer.height, layer.width, layer.outputs};
    float* after = i < stack.kept ? call.out[a.first_kept + i].f32_out() : nullptr;
    const bool plain = stack.plain(i);
    conv_forward(layer.conv(a.batch), input, layer.inputs, a.filter(call, i).f32(),
                 plain ? before : after, layer.outputs,
                 {.bias = a.bias(call, i).f32(),
                  .activation = plain ? Activation::linear : Activation::relu},
                 scratch);
    // The first comparison of what is before the relu applies it, too: so those come first.
    bool activate = plain && after;
    for (const bool activated : {false, true})
      for (int t = 0; t < stack.taps; ++t) {
        if (a.tap(t).conv != i || a.tap(t).activated != activated) continue;
        const std::int64_t size = a.features(t);
        const float* found = activated ? after : before;
        const Grid grid = comparison_grid(size);
        launch(host, grid, compare,
               Comparison{.found = found,
                          .wanted = stack.cached ? call.in[1 + t].f32() : found + size,
                          .size = size,
                          .share = static_cast<float>(a.share(t)),
                          .seed = call.out[1 + t].f32_out(),
                          .activated_found = activate ? after : nullptr,
                          .activated_wanted = activate && !stack.cached ? after + size : nullptr},
               partial + partials);
        partials += grid.blocks.x;
        activate = false;
      }
    input = after;
  }
  launch(host, {.blocks = 1, .threads = kThreads}, add_up, partial, partials,
         call.out[0].f32_out());
}

// Seeds of one convolution's taps: the first are added behind the relu, the others before it.
struct Seeds {
  static constexpr int kMost = 4;
  const float* at[kMost] = {};
  int activated = 0, count = 0;
  const float* dy;  // all seeds times this

  void add(const float* seed) {
    require(count < kMost, "a convolution may be tapped at most ", kMost, " times");
    at[count++] = seed;
  }
};

// The gradient by what a convolution gives: its incoming gradient and the seeds, back through the
// relu whose result is given.
template <int Width>
__device__ __forceinline__ Floats<Width> descend(Floats<Width> g, const Seeds& seeds, float dy,
                                                 bool gated, const Floats<Width>& result,
                                                 std::int64_t at) {
#pragma unroll
  for (int t = 0; t <= Seeds::kMost; ++t) {
    if (t == seeds.activated && gated)
#pragma unroll
      for (int k = 0; k < Width; ++k) g.v[k] = result.v[k] <= 0 ? 0.0f : g.v[k];
    if (t >= seeds.count || t == Seeds::kMost) continue;
    const auto seed = load_pack<Width>(seeds.at[t] + at);
#pragma unroll
    for (int k = 0; k < Width; ++k) g.v[k] += dy * seed.v[k];
  }
  return g;
}

// incoming: as large as the result, or null: 0. result: null if there is no relu.
template <int Width>
__global__ void through_relu(std::int64_t size, const float* incoming, const float* result,
                             Seeds seeds, float* own) {
  const float dy = *seeds.dy;
  for (std::int64_t i = first_element() * Width; i < size; i += element_step() * Width) {
    Floats<Width> g{}, y{};
    if (incoming) g = load_pack<Width>(incoming + i);
    if (result) y = load_pack<Width>(result + i);
    store_pack(own + i, descend(g, seeds, dy, result != nullptr, y, i));
  }
}

// The same where a pooling follows: `incoming` goes to the pixel of the four that won.
template <int Width>
__global__ void through_pooling(Squares s, const float* incoming, const float* result, Seeds seeds,
                                float* own) {
  const float dy = *seeds.dy;
  for_packs<Width>(s.count(), s.channels, [&](std::int64_t index, std::int64_t c) {
    const auto square = s.at(index);
    Floats<Width> y[4], g[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      y[i] = g[i] = {};
      if (square.has[i]) y[i] = load_pack<Width>(result + square.pixel[i] * s.channels + c);
    }
    if (square.whole) {
      const auto from = load_pack<Width>(incoming + s.pooled(square) * s.channels + c);
#pragma unroll
      for (int k = 0; k < Width; ++k) {
        int at;
        largest({y[0].v[k], y[1].v[k], y[2].v[k], y[3].v[k]}, at);
#pragma unroll
        for (int i = 0; i < 4; ++i) g[i].v[k] = at == i ? from.v[k] : 0.0f;
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (!square.has[i]) continue;
      const std::int64_t to = square.pixel[i] * s.channels + c;
      store_pack(own + to, descend(g[i], seeds, dy, true, y[i], to));
    }
  });
}

void perceptual_loss_grad(const Call& call) {
  const PerceptualLossGradArguments a(call);
  const FeatureStack& stack = a.stack;
  Host& host = *call.host;
  // The gradient by convolution i + 1's input, and that by what convolution i gives.
  float* incoming = scratch_floats(host, a.images * a.largest_in);
  float* own = scratch_floats(host, a.images * a.largest_out);
  ReusedScratch scratch(host);
  for (int i = stack.convs - 1; i >= 0; --i, scratch.rewind()) {
    const FeatureLayer& layer = a.layer(i);
    const bool last = i + 1 == stack.convs;
    const float* result = a.result(call, i);
    Seeds seeds;
    seeds.dy = call.in[0].f32();
    for (const bool activated : {true, false}) {
      for (int t = 0; t < stack.taps; ++t)
        if (a.tap(t).conv == i && a.tap(t).activated == activated) seeds.add(a.seed(call, t));
      if (activated) seeds.activated = seeds.count;
    }
    bool four = layer.outputs % 4 == 0 && four_wide(result, 4);
    for (const float* seed : seeds.at) four = four && four_wide(seed, 4);
    with_width(four, [&](auto width) {
      if (!last && a.layer(i + 1).pooled) {
        const Squares s{a.images, layer.height, layer.width, layer.outputs};
        launch(host, pixel_grid(s.count(), s.channels / width), through_pooling<width>, s, incoming,
               result, seeds, own);
      } else {
        const std::int64_t size = a.images * layer.out_size();
        launch(host, grid_for(size / width), through_relu<width>, size, last ? nullptr : incoming,
               result, seeds, own);
      }
    });
    conv_input_grad(layer.conv(a.images), own, layer.outputs, a.filter(call, i).f32(),
                    i == 0 ? call.out[0].f32_out() : incoming, layer.inputs, {}, scratch);
  }
}

}  // namespace

void register_perceptual_loss(KernelTable& table) {
  table.add("PerceptualLoss", perceptual_loss);
  table.add("PerceptualLossGrad", perceptual_loss_grad);
}

}  // namespace rareface::cuda
