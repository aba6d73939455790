#include "channel_moments.h"
#include "channel_slices.h"
#include "norm_math.h"

namespace rareface::cuda {
namespace {

constexpr int kHeld = 9;  // packs a thread keeps in registers

Slices chunked(const NormShape& s, int width) {
  return slices(s, width, lanes_for(s.channels, width, width == 4 ? 2 : 8), kThreads, kHeld);
}

// partial[sample][chunk] = the mean of each channel, then the sum of squared distances from it.
template <int Width>
__global__ void __launch_bounds__(kThreads)
    chunk_moments(Slices s, const float* x, std::int64_t stride, float* partial) {
  __shared__ float shared[row_sums_size(Width, 1)];
  const SlicePlace<Width> place(s);
  Floats<Width> values[kHeld], first{};
  if (place.pixels > 0) first = load_pack<Width>(x + place.start(s, stride));
  // Relative to the first pixel: sums stay small where values are far from 0.
  float mean[Width] = {};
#pragma unroll
  for (int k = 0; k < kHeld; ++k) {
    values[k] = first;
    if (place.has(k)) values[k] = load_pack<Width>(x + place.at(k, s, stride));
#pragma unroll
    for (int i = 0; i < Width; ++i) mean[i] += values[k].v[i] -= first.v[i];
  }
  sum_rows(mean, s.lanes, shared);
  float squares[Width] = {};
#pragma unroll
  for (int i = 0; i < Width; ++i) mean[i] /= static_cast<float>(max(place.pixels, 1));
#pragma unroll
  for (int k = 0; k < kHeld; ++k)
    if (place.has(k))
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        const float d = values[k].v[i] - mean[i];
        squares[i] += d * d;
      }
  sum_rows(squares, s.lanes, shared);
  if (place.row > 0 || place.pixels == 0) return;
  float* to = partial + (place.sample * s.chunks + place.chunk) * 2 * s.channels + place.channel;
  for (int i = 0; i < Width; ++i) {
    to[i] = first.v[i] + mean[i];
    to[s.channels + i] = squares[i];
  }
}

__global__ void merge_moments(Slices s, const float* partial, double epsilon, float* means,
                              float* inverse, std::int64_t inverse_stride) {
  __shared__ ColumnSums shared;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kColumns + threadIdx.x;
  const bool inside = column < s.batch * s.channels;
  const std::int64_t sample = column / s.channels, channel = column % s.channels;
  const float* from = partial + sample * s.chunks * 2 * s.channels + channel;
  const std::int64_t chunks = inside ? s.chunks : 0;
  const auto at = [&](std::int64_t chunk, int row) {
    return static_cast<double>(from[(chunk * 2 + row) * s.channels]);
  };
  const auto count = [&](std::int64_t chunk) {
    return static_cast<double>(min(s.chunk, s.pixels - chunk * s.chunk));
  };
  const auto pixels = static_cast<double>(s.pixels);
  const double mean =
      column_sum(chunks, shared, [&](std::int64_t c) { return count(c) * at(c, 0); }) / pixels;
  const double squares = column_sum(chunks, shared, [&](std::int64_t c) {
    const double d = at(c, 0) - mean;
    return at(c, 1) + count(c) * d * d;
  });
  if (!inside || threadIdx.y > 0) return;
  means[column] = static_cast<float>(mean);
  inverse[sample * inverse_stride + channel] =
      static_cast<float>(1.0 / sqrt(squares / pixels + epsilon));
}

template <int Width>
__device__ Floats<Width> load_or(const float* p, std::int64_t at, float otherwise) {
  if (p) return load_pack<Width>(p + at);
  Floats<Width> pack;
  for (int i = 0; i < Width; ++i) pack.v[i] = otherwise;
  return pack;
}

template <int Width>
__global__ void __launch_bounds__(kThreads)
    apply(Slices s, NormApplied a, ChannelStatistics statistics, NormExtras extras) {
  const SlicePlace<Width> place(s);
  if (place.pixels == 0) return;
  const std::int64_t c = place.channel;
  const auto mean = load_pack<Width>(statistics.mean + place.sample * s.channels + c);
  auto factor = load_pack<Width>(statistics.inverse + place.sample * statistics.inverse_stride + c);
  const auto gain = load_or<Width>(a.gain, c, 1.0f);
  const auto offset = load_or<Width>(a.offset, c, 0.0f);
#pragma unroll
  for (int i = 0; i < Width; ++i) factor.v[i] *= gain.v[i];
#pragma unroll 4
  for (int k = 0; k < kHeld; ++k) {
    if (!place.has(k)) break;
    auto v = load_pack<Width>(a.x + place.at(k, s, a.x_stride));
#pragma unroll
    for (int i = 0; i < Width; ++i)
      v.v[i] = activated((v.v[i] - mean.v[i]) * factor.v[i] + offset.v[i], a.slope);
    store_pack(a.y + place.at(k, s, a.y_stride), v);
    if (!extras.sum) continue;
    const std::int64_t dense = place.at(k, s, s.channels);
    auto sum = load_pack<Width>(extras.residual + dense);
#pragma unroll
    for (int i = 0; i < Width; ++i) sum.v[i] += extras.alpha * v.v[i];
    store_pack(extras.sum + dense, sum);
  }
}

// The normalised values z and the gradients g by them, of one pack after the other.
template <int Width>
struct GradientReader {
  const Slices& s;
  const NormGradient& a;
  const SlicePlace<Width>& place;
  Floats<Width> mean, inverse;
  float unslope;

  __device__ GradientReader(const Slices& slices, const NormGradient& gradient,
                            const SlicePlace<Width>& at, const ChannelStatistics& statistics)
      : s(slices), a(gradient), place(at), unslope(1.0f / gradient.slope) {
    const std::int64_t c = at.channel;
    mean = load_or<Width>(a.of_result ? nullptr : statistics.mean, at.sample * s.channels + c, 0);
    inverse = load_or<Width>(a.of_result ? nullptr : statistics.inverse,
                             at.sample * statistics.inverse_stride + c, 1);
  }
  __device__ void read(int k, Floats<Width>& z, Floats<Width>& g) const {
    z = load_pack<Width>(a.source + place.at(k, s, a.source_stride));
    g = load_pack<Width>(a.dy + place.at(k, s, a.dy_stride));
    Floats<Width> gate;
    if (a.gate) gate = load_pack<Width>(a.gate + place.at(k, s, s.channels));
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      z.v[i] =
          a.of_result ? before_activation(z.v[i], unslope) : (z.v[i] - mean.v[i]) * inverse.v[i];
      g.v[i] = gated(g.v[i], a.gate ? gate.v[i] : z.v[i], a.slope);
    }
  }
};

// partial[sample][chunk] = of each channel the sum of g, then of g z.
template <int Width>
__global__ void __launch_bounds__(kThreads)
    chunk_products(Slices s, NormGradient a, ChannelStatistics statistics, float* partial) {
  __shared__ float shared[row_sums_size(Width, 2)];
  const SlicePlace<Width> place(s);
  float sums[2 * Width] = {};
  if (place.pixels > 0) {
    const GradientReader<Width> reader(s, a, place, statistics);
#pragma unroll 3
    for (int k = 0; k < kHeld; ++k) {
      if (!place.has(k)) break;
      Floats<Width> z, g;
      reader.read(k, z, g);
#pragma unroll
      for (int i = 0; i < Width; ++i) {
        sums[i] += g.v[i];
        sums[Width + i] += g.v[i] * z.v[i];
      }
    }
  }
  sum_rows(sums, s.lanes, shared);
  if (place.row > 0 || place.pixels == 0) return;
  float* to = partial + (place.sample * s.chunks + place.chunk) * 2 * s.channels + place.channel;
  for (int i = 0; i < Width; ++i) {
    to[i] = sums[i];
    to[s.channels + i] = sums[Width + i];
  }
}

__global__ void merge_products(Slices s, const float* partial, float* sums, float* products) {
  __shared__ ColumnSums shared;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kColumns + threadIdx.x;
  const bool inside = column < s.batch * s.channels;
  const float* from =
      partial + column / s.channels * s.chunks * 2 * s.channels + column % s.channels;
  double totals[2];
  for (int row = 0; row < 2; ++row)
    totals[row] = column_sum(inside ? s.chunks : 0, shared, [&](std::int64_t chunk) {
      return static_cast<double>(from[(chunk * 2 + row) * s.channels]);
    });
  if (!inside || threadIdx.y > 0) return;
  sums[column] = static_cast<float>(totals[0]);
  products[column] = static_cast<float>(totals[1]);
}

struct GradientApplied {
  const float* sums;
  const float* products;
  float scale;
  const float* gain;
  float* dx;
  std::int64_t dx_stride;
};

template <int Width>
__global__ void __launch_bounds__(kThreads)
    apply_grad(Slices s, NormGradient a, ChannelStatistics statistics, GradientApplied out) {
  const SlicePlace<Width> place(s);
  if (place.pixels == 0) return;
  const std::int64_t c = place.channel;
  const GradientReader<Width> reader(s, a, place, statistics);
  auto factor = load_pack<Width>(statistics.inverse + place.sample * statistics.inverse_stride + c);
  const auto gain = load_or<Width>(out.gain, c, 1.0f);
  auto mean_g = load_pack<Width>(out.sums + place.sample * s.channels + c);
  auto mean_gz = load_pack<Width>(out.products + place.sample * s.channels + c);
  const auto pixels = static_cast<float>(s.pixels);
#pragma unroll
  for (int i = 0; i < Width; ++i) {
    factor.v[i] *= out.scale * gain.v[i];
    mean_g.v[i] /= pixels;
    mean_gz.v[i] /= pixels;
  }
#pragma unroll 3
  for (int k = 0; k < kHeld; ++k) {
    if (!place.has(k)) break;
    Floats<Width> z, g;
    reader.read(k, z, g);
#pragma unroll
    for (int i = 0; i < Width; ++i)
      g.v[i] = factor.v[i] * (g.v[i] - mean_g.v[i] - z.v[i] * mean_gz.v[i]);
    store_pack(out.dx + place.at(k, s, out.dx_stride), g);
  }
}

bool statistics_four_wide(const NormShape& s, const ChannelStatistics& statistics) {
  return s.channels % 4 == 0 && four_wide(statistics.mean, 4) &&
         four_wide(statistics.inverse, statistics.inverse_stride);
}

bool gradient_four_wide(const NormShape& s, const NormGradient& a,
                        const ChannelStatistics& statistics) {
  return statistics_four_wide(s, statistics) && four_wide(a.source, a.source_stride) &&
         four_wide(a.dy, a.dy_stride) && four_wide(a.gate, 4);
}

}  // namespace

void channel_moments(const NormShape& shape, const float* x, std::int64_t x_stride, double epsilon,
                     float* mean, float* inverse, std::int64_t inverse_stride, Host& host) {
  if (shape.batch * shape.pixels * shape.channels == 0) return;
  with_width(shape.channels % 4 == 0 && four_wide(x, x_stride), [&](auto width) {
    const Slices s = chunked(shape, width);
    float* partial = scratch_floats(host, s.batch * s.chunks * 2 * s.channels);
    launch(host, s.grid(), chunk_moments<width>, s, x, x_stride, partial);
    launch(host, column_grid(s.batch * s.channels), merge_moments, s, partial, epsilon, mean,
           inverse, inverse_stride);
  });
}

void apply_norm(const NormShape& shape, const NormApplied& a, const ChannelStatistics& statistics,
                const NormExtras& extras, Host& host) {
  if (shape.batch * shape.pixels * shape.channels == 0) return;
  const bool four = statistics_four_wide(shape, statistics) && four_wide(a.x, a.x_stride) &&
                    four_wide(a.y, a.y_stride) && four_wide(a.gain, 4) && four_wide(a.offset, 4) &&
                    four_wide(extras.sum, 4) && four_wide(extras.residual, 4);
  with_width(four, [&](auto width) {
    const Slices s = chunked(shape, width);
    launch(host, s.grid(), apply<width>, s, a, statistics, extras);
  });
}

void channel_products(const NormShape& shape, const NormGradient& a,
                      const ChannelStatistics& statistics, float* sums, float* products,
                      Host& host) {
  if (shape.batch * shape.pixels * shape.channels == 0) return;
  with_width(gradient_four_wide(shape, a, statistics), [&](auto width) {
    const Slices s = chunked(shape, width);
    float* partial = scratch_floats(host, s.batch * s.chunks * 2 * s.channels);
    launch(host, s.grid(), chunk_products<width>, s, a, statistics, partial);
    launch(host, column_grid(s.batch * s.channels), merge_products, s, partial, sums, products);
  });
}

void apply_norm_grad(const NormShape& shape, const NormGradient& a,
                     const ChannelStatistics& statistics, const float* sums, const float* products,
                     float scale, const float* gain, float* dx, std::int64_t dx_stride,
                     Host& host) {
  if (shape.batch * shape.pixels * shape.channels == 0) return;
  const bool four = gradient_four_wide(shape, a, statistics) && four_wide(sums, 4) &&
                    four_wide(products, 4) && four_wide(gain, 4) && four_wide(dx, dx_stride);
  with_width(four, [&](auto width) {
    const Slices s = chunked(shape, width);
    launch(host, s.grid(), apply_grad<width>, s, a, statistics,
           GradientApplied{sums, products, scale, gain, dx, dx_stride});
  });
}

}  // namespace rareface::cuda
