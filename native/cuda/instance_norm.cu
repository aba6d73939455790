// Where the values of some neighbouring channels of a sample fit into the registers of one block,
// they are read once and everything is done in one launch; larger images go by channel_moments.h.
#include "channel_moments.h"
#include "channel_slices.h"
#include "instance_norm.h"
#include "norm_math.h"

namespace rareface::cuda {
namespace {

// The mean, relative to `first`, and 1 / deviation of the block's pixels. values: less `first`;
// what the thread does not have is 0 in them.
template <int Width, int Held>
__device__ __forceinline__ void moments_of(const Slices& s, const SlicePlace<Width>& place,
                                           const Floats<Width> (&values)[Held], float epsilon,
                                           float* shared, float (&mean)[Width],
                                           float (&inverse)[Width]) {
  const auto pixels = static_cast<float>(s.pixels);
#pragma unroll
  for (int i = 0; i < Width; ++i) mean[i] = inverse[i] = 0;
#pragma unroll
  for (int k = 0; k < Held; ++k)
#pragma unroll
    for (int i = 0; i < Width; ++i) mean[i] += values[k].v[i];
  sum_rows(mean, s.lanes, shared);
#pragma unroll
  for (int i = 0; i < Width; ++i) mean[i] /= pixels;
#pragma unroll
  for (int k = 0; k < Held; ++k)
    if (place.has(k))
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        const float d = values[k].v[i] - mean[i];
        inverse[i] += d * d;
      }
  sum_rows(inverse, s.lanes, shared);
#pragma unroll
  for (int i = 0; i < Width; ++i) inverse[i] = inverse_deviation(inverse[i] / pixels, epsilon);
}

// values = x less its first pixel, which makes sums small where values are far from 0.
template <int Width, int Held>
__device__ __forceinline__ void read_shifted(const Slices& s, const SlicePlace<Width>& place,
                                             const float* x, std::int64_t stride,
                                             Floats<Width> (&values)[Held]) {
#pragma unroll
  for (int k = 0; k < Held; ++k) {
    values[k] = {};
    if (place.has(k)) values[k] = load_pack<Width>(x + place.at(k, s, stride));
  }
  Floats<Width> first{};
  if (place.pixels > 0) first = load_pack<Width>(x + place.start(s, stride));
#pragma unroll
  for (int k = 0; k < Held; ++k)
    if (place.has(k))
#pragma unroll
      for (int i = 0; i < Width; ++i) values[k].v[i] -= first.v[i];
}

template <int Width, int Held>
__global__ void __launch_bounds__(kSliceThreads)
    forward(Slices s, const float* x, std::int64_t x_stride, float* y, std::int64_t y_stride,
            float epsilon, float slope, NormExtras extras, PixelCopy besides, unsigned blocks) {
  __shared__ float shared[row_sums_size(Width, 1)];
  if (blockIdx.x >= blocks)
    return copy_part<Width>(besides, std::int64_t{blockIdx.x - blocks} * blockDim.x + threadIdx.x,
                            std::int64_t{gridDim.x - blocks} * blockDim.x);
  const SlicePlace<Width> place(s);
  Floats<Width> values[Held];
  float mean[Width], inverse[Width];
  read_shifted(s, place, x, x_stride, values);
  moments_of(s, place, values, epsilon, shared, mean, inverse);
  if (extras.inverse && place.row == 0 && place.pixels > 0)
    for (int i = 0; i < Width; ++i)
      extras.inverse[place.sample * extras.inverse_stride + place.channel + i] = inverse[i];
#pragma unroll
  for (int k = 0; k < Held; ++k) {
    if (!place.has(k)) break;
#pragma unroll
    for (int i = 0; i < Width; ++i)
      values[k].v[i] = activated((values[k].v[i] - mean[i]) * inverse[i], slope);
    store_pack(y + place.at(k, s, y_stride), values[k]);
    if (!extras.sum) continue;
    const std::int64_t dense = place.at(k, s, s.channels);
    auto sum = load_pack<Width>(extras.residual + dense);
#pragma unroll
    for (int i = 0; i < Width; ++i) sum.v[i] += extras.alpha * values[k].v[i];
    store_pack(extras.sum + dense, sum);
  }
}

struct Grad {
  NormGradient of;
  const float* inverse;  // of a result
  std::int64_t inverse_stride;
  float epsilon;  // else
  float scale;
  float* dx;
  std::int64_t dx_stride;
  float* dy_copy;  // dense, or null
};

// With g = dy * activation'(z): dx = inverse * (g - mean(g) - z * mean(g * z)).
template <int Width, int Held, bool OfResult>
__global__ void __launch_bounds__(kSliceThreads) backward(Slices s, Grad a) {
  __shared__ float shared[row_sums_size(Width, 2)];
  const SlicePlace<Width> place(s);
  Floats<Width> z[Held], g[Held];
  float inverse[Width];
#pragma unroll
  for (int k = 0; k < Held; ++k) {
    g[k] = {};
    if (place.has(k)) g[k] = load_pack<Width>(a.of.dy + place.at(k, s, a.of.dy_stride));
  }
  if constexpr (OfResult)
    if (a.dy_copy)
#pragma unroll
      for (int k = 0; k < Held; ++k)
        if (place.has(k)) store_pack(a.dy_copy + place.at(k, s, s.channels), g[k]);
  if constexpr (OfResult) {
    const float unslope = 1.0f / a.of.slope;
    Floats<Width> given{};
    if (place.pixels > 0)
      given = load_pack<Width>(a.inverse + place.sample * a.inverse_stride + place.channel);
#pragma unroll
    for (int i = 0; i < Width; ++i) inverse[i] = given.v[i];
#pragma unroll
    for (int k = 0; k < Held; ++k) {
      z[k] = {};
      if (place.has(k)) z[k] = load_pack<Width>(a.of.source + place.at(k, s, a.of.source_stride));
#pragma unroll
      for (int i = 0; i < Width; ++i) z[k].v[i] = before_activation(z[k].v[i], unslope);
    }
  } else {
    float mean[Width];
    read_shifted(s, place, a.of.source, a.of.source_stride, z);
    moments_of(s, place, z, a.epsilon, shared, mean, inverse);
#pragma unroll
    for (int k = 0; k < Held; ++k)
#pragma unroll
      for (int i = 0; i < Width; ++i) z[k].v[i] = (z[k].v[i] - mean[i]) * inverse[i];
  }
  float sums[2 * Width] = {};
#pragma unroll
  for (int k = 0; k < Held; ++k)
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      g[k].v[i] = gated(g[k].v[i], z[k].v[i], a.of.slope);
      sums[i] += g[k].v[i];
      sums[Width + i] += g[k].v[i] * z[k].v[i];
    }
  sum_rows(sums, s.lanes, shared);
  const auto pixels = static_cast<float>(s.pixels);
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    inverse[i] *= a.scale;
    sums[i] /= pixels;
    sums[Width + i] /= pixels;
  }
#pragma unroll
  for (int k = 0; k < Held; ++k) {
    if (!place.has(k)) break;
#pragma unroll
    for (int i = 0; i < Width; ++i)
      g[k].v[i] = inverse[i] * (g[k].v[i] - sums[i] - z[k].v[i] * sums[Width + i]);
    store_pack(a.dx + place.at(k, s, a.dx_stride), g[k]);
  }
}

constexpr int kHeld[] = {1, 3, 9};  // packs a thread may keep
constexpr int kMostHeld = 9;

// One chunk a sample, if it fits: at least a sector of memory wide, wider where there are blocks
// enough, narrower where only that fits.
bool resident(const NormShape& shape, int width, Slices& s) {
  constexpr std::int64_t kEnoughBlocks = 256;
  const int sector = lanes_for(shape.channels, width, 8 / width);
  const int wide = lanes_for(shape.channels, width, 16 / width);
  for (int lanes = wide; lanes >= 1; lanes /= 2) {
    if (shape.pixels > kSliceThreads / lanes * kMostHeld) continue;
    if (lanes > sector && shape.batch * ceil_div(shape.channels, lanes * width) < kEnoughBlocks)
      continue;
    const std::int64_t packs = shape.pixels * lanes;
    int held = 0;
    for (const int h : kHeld)
      if (held == 0 && packs <= kSliceThreads * h) held = h;
    const auto threads = static_cast<int>(round_up(ceil_div(packs, held), 32));
    s = slices(shape, width, lanes, threads, held);
    return true;
  }
  return false;
}

// Blocks of a launch that copy, about four packs a thread.
unsigned copying_blocks(const PixelCopy& copy, int width, int threads) {
  constexpr std::int64_t kPacks = 4, kMostBlocks = 264;
  return static_cast<unsigned>(
      std::min(kMostBlocks, ceil_div(copy.pixels * (copy.channels / width), kPacks * threads)));
}

// body(std::integral_constant<int, Held>) with room for all packs of a thread.
template <class F>
void with_held(const Slices& s, F&& body) {
  const std::int64_t needed = ceil_div(s.pixels, s.threads / s.lanes);
  if (needed <= 1)
    body(std::integral_constant<int, 1>{});
  else if (needed <= 3)
    body(std::integral_constant<int, 3>{});
  else
    body(std::integral_constant<int, kMostHeld>{});
}

void backward(const NormShape& shape, const Grad& a, Host& host) {
  const bool four = shape.channels % 4 == 0 && four_wide(a.of.source, a.of.source_stride) &&
                    four_wide(a.of.dy, a.of.dy_stride) && four_wide(a.dx, a.dx_stride) &&
                    four_wide(a.inverse, a.inverse_stride) && four_wide(a.dy_copy, 4);
  Slices s;
  if (resident(shape, four ? 4 : 1, s)) {
    with_width(four, [&](auto width) {
      with_held(s, [&](auto held) {
        if (a.of.of_result)
          launch(host, s.grid(), backward<width, held, true>, s, a);
        else
          launch(host, s.grid(), backward<width, held, false>, s, a);
      });
    });
    return;
  }
  if (a.dy_copy)
    copy_pixels({shape.batch * shape.pixels, shape.channels, a.of.dy, a.of.dy_stride, a.dy_copy,
                 shape.channels},
                host);
  const std::int64_t count = shape.batch * shape.channels;
  ChannelStatistics statistics{nullptr, a.inverse, a.inverse_stride};
  if (!a.of.of_result) {
    float* mean = scratch_floats(host, count);
    float* inverse = scratch_floats(host, count);
    channel_moments(shape, a.of.source, a.of.source_stride, static_cast<double>(a.epsilon), mean,
                    inverse, shape.channels, host);
    statistics = {mean, inverse, shape.channels};
  }
  float* sums = scratch_floats(host, count);
  float* products = scratch_floats(host, count);
  channel_products(shape, a.of, statistics, sums, products, host);
  apply_norm_grad(shape, a.of, statistics, sums, products, a.scale, nullptr, a.dx, a.dx_stride,
                  host);
}

}  // namespace

void instance_norm(const NormShape& shape, const Norm& norm, const float* x, std::int64_t x_stride,
                   float* y, std::int64_t y_stride, const NormExtras& extras, Host& host,
                   const PixelCopy& besides) {
  const float slope = slope_of(norm);
  if (shape.batch * shape.pixels * shape.channels == 0) return copy_pixels(besides, host);
  const bool four = shape.channels % 4 == 0 && four_wide(x, x_stride) && four_wide(y, y_stride) &&
                    four_wide(extras.sum, 4) && four_wide(extras.residual, 4);
  Slices s;
  const bool once = resident(shape, four ? 4 : 1, s);
  const bool together = once && besides.pixels > 0 && (!four || four_wide(besides));
  if (!together) copy_pixels(besides, host);
  if (once) {
    Grid grid = s.grid();
    const unsigned blocks = grid.blocks.x;
    if (together) grid.blocks.x += copying_blocks(besides, four ? 4 : 1, s.threads);
    with_width(four, [&](auto width) {
      with_held(s, [&](auto held) {
        launch(host, grid, forward<width, held>, s, x, x_stride, y, y_stride,
               static_cast<float>(norm.epsilon), slope, extras, besides, blocks);
      });
    });
    return;
  }
  const std::int64_t count = shape.batch * shape.channels;
  float* mean = scratch_floats(host, count);
  float* inverse = extras.inverse ? extras.inverse : scratch_floats(host, count);
  const std::int64_t inverse_stride = extras.inverse ? extras.inverse_stride : shape.channels;
  channel_moments(shape, x, x_stride, norm.epsilon, mean, inverse, inverse_stride, host);
  apply_norm(shape, {x, x_stride, y, y_stride, slope}, {mean, inverse, inverse_stride}, extras,
             host);
}

void instance_norm_grad(const NormShape& shape, const Norm& norm, const float* x,
                        std::int64_t x_stride, const float* dy, std::int64_t dy_stride, float* dx,
                        std::int64_t dx_stride, Host& host) {
  const float slope = slope_of(norm);
  if (shape.batch * shape.pixels * shape.channels == 0) return;
  backward(shape,
           {.of = {x, x_stride, false, dy, dy_stride, slope},
            .inverse = nullptr,
            .inverse_stride = 0,
            .epsilon = static_cast<float>(norm.epsilon),
            .scale = 1.0f,
            .dx = dx,
            .dx_stride = dx_stride,
            .dy_copy = nullptr},
           host);
}

void instance_norm_grad_of_result(const NormShape& shape, const Norm& norm, const float* y,
                                  std::int64_t y_stride, const float* inverse,
                                  std::int64_t inverse_stride, const float* dy,
                                  std::int64_t dy_stride, float scale, float* dx,
                                  std::int64_t dx_stride, Host& host, float* dy_copy) {
  const float slope = slope_of(norm);
  require(slope > 0, "this activation does not go with the gradient from the norm's result");
  if (shape.batch * shape.pixels * shape.channels == 0) return;
  backward(shape,
           {.of = {y, y_stride, true, dy, dy_stride, slope},
            .inverse = inverse,
            .inverse_stride = inverse_stride,
            .epsilon = 0,
            .scale = scale,
            .dx = dx,
            .dx_stride = dx_stride,
            .dy_copy = dy_copy},
           host);
}

}  // namespace rareface::cuda
