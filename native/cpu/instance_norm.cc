#include "instance_norm.h"

#include <cmath>

#include "blocks.h"

namespace rareface::cpu {
namespace {

constexpr int kGroup = 2;                // vectors of channels taken at once
constexpr std::int64_t kAddends = 1024;  // of a sum in float; longer sums continue in double

// A group of neighbouring channels: Vectors whole vectors, or one of `count` lanes.
template <int Vectors, bool Whole>
struct Channels {
  static_assert(Whole || Vectors == 1);
  std::int64_t count = kLanes;

  Vec get(const float* p, int v) const {
    return Whole ? load(p + v * kLanes) : load_part(p, count);
  }
  void put(float* p, int v, Vec x) const {
    if (Whole)
      store(p + v * kLanes, x);
    else
      store_part(p, x, count);
  }
};

// means[t][v] = the mean over the pixels of the terms[t] that term(pixel, v, terms) sets.
template <int Terms, int Vectors, class Term>
void average(std::int64_t pixels, Vec (&means)[Terms][Vectors], Term&& term) {
  constexpr int kChains = 8 / (Terms * Vectors);  // of dependent additions
  double totals[Terms][Vectors * kLanes] = {};
  for (std::int64_t begin = 0; begin < pixels; begin += kAddends) {
    const std::int64_t end = std::min(pixels, begin + kAddends);
    Vec sums[kChains][Terms][Vectors] = {};
    const auto add = [&](std::int64_t pixel, int chain) {
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) {
        Vec terms[Terms];
        term(pixel, v, terms);
#pragma GCC unroll 2
        for (int t = 0; t < Terms; ++t) sums[chain][t][v] += terms[t];
      }
    };
    std::int64_t pixel = begin;
    for (; pixel + kChains <= end; pixel += kChains)
#pragma GCC unroll 8
      for (int chain = 0; chain < kChains; ++chain) add(pixel + chain, chain);
    for (; pixel < end; ++pixel) add(pixel, 0);
    for (int t = 0; t < Terms; ++t)
      for (int v = 0; v < Vectors; ++v)
        for (int l = 0; l < kLanes; ++l)
          for (int chain = 0; chain < kChains; ++chain)
            totals[t][v * kLanes + l] += static_cast<double>(sums[chain][t][v][l]);
  }
  for (int t = 0; t < Terms; ++t)
    for (int v = 0; v < Vectors; ++v)
      for (int l = 0; l < kLanes; ++l)
        means[t][v][l] =
            static_cast<float>(totals[t][v * kLanes + l] / static_cast<double>(pixels));
}

template <int Vectors, bool Whole>
struct Moments {
  Vec mean[Vectors], inverse[Vectors];

  Moments(const Channels<Vectors, Whole>& channels, const float* x, std::int64_t stride,
          std::int64_t pixels, double epsilon) {
    // Relative to the first pixel: sums stay small where values are far from 0.
    Vec first[Vectors], means[1][Vectors];
    for (int v = 0; v < Vectors; ++v) first[v] = channels.get(x, v);
    average(pixels, means, [&](std::int64_t pixel, int v, Vec(&terms)[1]) {
      terms[0] = channels.get(x + pixel * stride, v) - first[v];
    });
    for (int v = 0; v < Vectors; ++v) mean[v] = first[v] + means[0][v];
    average(pixels, means, [&](std::int64_t pixel, int v, Vec(&terms)[1]) {
      const Vec distance = channels.get(x + pixel * stride, v) - mean[v];
      terms[0] = distance * distance;
    });
    for (int v = 0; v < Vectors; ++v)
      for (int l = 0; l < kLanes; ++l)
        inverse[v][l] =
            static_cast<float>(1.0 / std::sqrt(static_cast<double>(means[0][v][l]) + epsilon));
  }
};

// body(sample, first channel, Channels) over all groups of channels, in parallel.
template <class F>
void for_groups(const NormShape& s, Host& host, F&& body) {
  if (s.batch * s.pixels * s.channels == 0) return;
  constexpr std::int64_t kWidth = kGroup * kLanes;
  const std::int64_t strip =
      std::max<std::int64_t>(1, ceil_div(kCostlyGrain / s.pixels, kWidth)) * kWidth;
  const std::int64_t strips = ceil_div(s.channels, strip);
  auto task = [&](std::int64_t index) {
    const std::int64_t sample = index / strips;
    std::int64_t c = index % strips * strip;
    const std::int64_t end = std::min(s.channels, c + strip);
    for (; c + kWidth <= end; c += kWidth) body(sample, c, Channels<kGroup, true>{});
    for (; c + kLanes <= end; c += kLanes) body(sample, c, Channels<1, true>{});
    if (c < end) body(sample, c, Channels<1, false>{end - c});
  };
  host.parallel(s.batch * strips, task);
}

template <Activation activation>
void forward(const NormShape& s, const Norm& norm, const float* x, std::int64_t x_stride, float* y,
             std::int64_t y_stride, const NormExtras& extras, Host& host) {
  for_groups(
      s, host,
      [&]<int Vectors, bool Whole>(std::int64_t sample, std::int64_t c,
                                   const Channels<Vectors, Whole>& channels) {
        const std::int64_t first = sample * s.pixels;
        const float* from = x + first * x_stride + c;
        const Moments<Vectors, Whole> m(channels, from, x_stride, s.pixels, norm.epsilon);
        if (extras.inverse)
          for (int v = 0; v < Vectors; ++v)
            channels.put(extras.inverse + sample * extras.inverse_stride + c, v, m.inverse[v]);
        for (std::int64_t pixel = 0; pixel < s.pixels; ++pixel) {
#pragma GCC unroll 2
          for (int v = 0; v < Vectors; ++v) {
            const Vec z = (channels.get(from + pixel * x_stride, v) - m.mean[v]) * m.inverse[v];
            const Vec result = activate(z, activation, norm.slope, Vec{});
            channels.put(y + (first + pixel) * y_stride + c, v, result);
            if (!extras.sum) continue;
            const std::int64_t at = (first + pixel) * s.channels + c;
            channels.put(extras.sum + at, v,
                         channels.get(extras.residual + at, v) + extras.alpha * result);
          }
        }
      });
}

// Where the normalised z comes from: the input, whose moments are found anew, or the result.
enum class From { input, result };

struct Grad {
  const float* source;  // x or y
  std::int64_t source_stride;
  const float* inverse;  // of From::result
  std::int64_t inverse_stride;
  const float* dy;
  std::int64_t dy_stride;
  float scale;
  float* dx;
  std::int64_t dx_stride;
};

// With g = dy * activation'(z): dx = inverse * (g - mean(g) - z * mean(g * z)).
template <From from, Activation activation>
void backward(const NormShape& s, const Norm& norm, const Grad& a, Host& host) {
  for_groups(s, host,
             [&]<int Vectors, bool Whole>(std::int64_t sample, std::int64_t c,
                                          const Channels<Vectors, Whole>& channels) {
               const std::int64_t first = sample * s.pixels;
               const float* source = a.source + first * a.source_stride + c;
               const float* dy = a.dy + first * a.dy_stride + c;
               float* dx = a.dx + first * a.dx_stride + c;
               Vec mean[Vectors] = {}, inverse[Vectors], inverse_scaled[Vectors];
               if constexpr (from == From::input) {
                 const Moments<Vectors, Whole> m(channels, source, a.source_stride, s.pixels,
                                                 norm.epsilon);
                 for (int v = 0; v < Vectors; ++v) mean[v] = m.mean[v], inverse[v] = m.inverse[v];
               } else {
                 for (int v = 0; v < Vectors; ++v)
                   inverse[v] = channels.get(a.inverse + sample * a.inverse_stride + c, v);
               }
               const float unslope = 1.0f / norm.slope;
               const auto z_of = [&](std::int64_t pixel, int v) {
                 const Vec value = channels.get(source + pixel * a.source_stride, v);
                 if constexpr (from == From::input)
                   return (value - mean[v]) * inverse[v];
                 else if constexpr (activation == Activation::leaky_relu)
                   return select(value < Vec{}, value * unslope, value);
                 else
                   return value;
               };
               const auto gradient_of = [&](std::int64_t pixel, int v, Vec z) {
                 const Vec value = channels.get(dy + pixel * a.dy_stride, v);
                 if constexpr (activation == Activation::relu)
                   return select(z > Vec{}, value, Vec{});
                 else if constexpr (activation == Activation::leaky_relu)
                   return select(z > Vec{}, value, value * norm.slope);
                 else
                   return value;
               };
               Vec means[2][Vectors];
               average(s.pixels, means, [&](std::int64_t pixel, int v, Vec(&terms)[2]) {
                 const Vec z = z_of(pixel, v);
                 terms[0] = gradient_of(pixel, v, z);
                 terms[1] = terms[0] * z;
               });
               for (int v = 0; v < Vectors; ++v) inverse_scaled[v] = inverse[v] * a.scale;
               for (std::int64_t pixel = 0; pixel < s.pixels; ++pixel)
#pragma GCC unroll 2
                 for (int v = 0; v < Vectors; ++v) {
                   const Vec z = z_of(pixel, v);
                   const Vec g = gradient_of(pixel, v, z);
                   channels.put(dx + pixel * a.dx_stride, v,
                                inverse_scaled[v] * (g - means[0][v] - z * means[1][v]));
                 }
             });
}

template <From from>
void backward(const NormShape& s, const Norm& norm, const Grad& a, Host& host) {
  switch (norm.activation) {
    case Activation::linear:
      return backward<from, Activation::linear>(s, norm, a, host);
    case Activation::leaky_relu:
      return backward<from, Activation::leaky_relu>(s, norm, a, host);
    case Activation::relu:
      if constexpr (from == From::input) return backward<from, Activation::relu>(s, norm, a, host);
      [[fallthrough]];
    default:
      fail("this activation does not go with the norm");
  }
}

}  // namespace

void instance_norm(const NormShape& shape, const Norm& norm, const float* x, std::int64_t x_stride,
                   float* y, std::int64_t y_stride, const NormExtras& extras, Host& host) {
  switch (norm.activation) {
    case Activation::linear:
      return forward<Activation::linear>(shape, norm, x, x_stride, y, y_stride, extras, host);
    case Activation::relu:
      return forward<Activation::relu>(shape, norm, x, x_stride, y, y_stride, extras, host);
    case Activation::leaky_relu:
      return forward<Activation::leaky_relu>(shape, norm, x, x_stride, y, y_stride, extras, host);
    default:
      fail("this activation does not go with the norm");
  }
}

void instance_norm_grad(const NormShape& shape, const Norm& norm, const float* x,
                        std::int64_t x_stride, const float* dy, std::int64_t dy_stride, float* dx,
                        std::int64_t dx_stride, Host& host) {
  backward<From::input>(shape, norm, {x, x_stride, nullptr, 0, dy, dy_stride, 1.0f, dx, dx_stride},
                        host);
}

void instance_norm_grad_of_result(const NormShape& shape, const Norm& norm, const float* y,
                                  std::int64_t y_stride, const float* inverse,
                                  std::int64_t inverse_stride, const float* dy,
                                  std::int64_t dy_stride, float scale, float* dx,
                                  std::int64_t dx_stride, Host& host) {
  backward<From::result>(
      shape, norm, {y, y_stride, inverse, inverse_stride, dy, dy_stride, scale, dx, dx_stride},
      host);
}

}  // namespace rareface::cpu
