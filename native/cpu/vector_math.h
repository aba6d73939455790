// Transcendental functions over SIMD vectors, to about 2 ulp, one source for every instruction set.
//
// Special values follow IEEE 754: NaN goes through, infinities and signed limits are right.
// Coefficients: Cephes (expf, logf; S. Moshier); reductions after Cody & Waite.
#pragma once

#include <cstdint>
#include <limits>

#include "simd.h"

namespace rareface::cpu {

inline Vec abs(Vec x) { return from_bits(bits_of(x) & 0x7fffffff); }
inline Vec copy_sign(Vec magnitude, Vec sign) {
  return from_bits((bits_of(magnitude) & 0x7fffffff) | (bits_of(sign) & ~0x7fffffff));
}
// Of (NaN, b) the result is b: used to clamp before a conversion to int.
inline Vec least(Vec a, Vec b) { return a < b ? a : b; }
inline Vec greatest(Vec a, Vec b) { return a > b ? a : b; }

namespace detail {

// 2^n for n in [-126, 127].
inline Vec power_of_two(VecInt n) { return from_bits((n + 127) << 23); }

struct Reduced {
  Vec r;     // x - n ln 2, in [-ln2/2, ln2/2]
  VecInt n;  // nearest integer to x / ln 2
};

inline Reduced reduce_exp(Vec x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const Vec n = (x * 1.44269504088896341f + kRound) - kRound;
  Vec r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  return {r, __builtin_convertvector(n, VecInt)};
}

// exp(r) - 1 for |r| <= ln2/2.
inline Vec expm1_reduced(Vec r) {
  Vec p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return p * (r * r) + r;
}

}  // namespace detail

inline Vec exp(Vec x) {
  const auto [r, n] = detail::reduce_exp(least(greatest(x, splat(-104.0f)), splat(89.0f)));
  // 2^n in two steps, so that results below the normal range come out right.
  const VecInt half = n >> 1;
  Vec y = detail::expm1_reduced(r) + 1.0f;
  y = y * detail::power_of_two(half) * detail::power_of_two(n - half);
  y = x > 88.7228394f ? splat(std::numeric_limits<float>::infinity()) : y;
  y = x < -103.972084f ? Vec{} : y;
  return x != x ? x : y;
}

// exp(x) - 1, exact near 0.
inline Vec expm1(Vec x) {
  const auto [r, n] = detail::reduce_exp(least(greatest(x, splat(-20.0f)), splat(89.0f)));
  // 2^n (p + 1) - 1 with 2^(n-1), since 2^128 is no float.
  const Vec scale = detail::power_of_two(n - 1);
  Vec y = (detail::expm1_reduced(r) * scale + (scale - 0.5f)) * 2.0f;
  y = x > 88.7228394f ? splat(std::numeric_limits<float>::infinity()) : y;
  y = x < -18.0f ? splat(-1.0f) : y;
  // Keeps -0 and denormals.
  y = abs(x) < 1e-7f ? x : y;
  return x != x ? x : y;
}

inline Vec log(Vec x) {
  const Vec smallest = splat(std::numeric_limits<float>::min());
  const VecInt tiny = x < smallest;
  const VecInt bits = bits_of(tiny ? x * 8388608.0f : x);
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)).
  VecInt e = ((bits >> 23) & 0xff) - 126 - (tiny & 23);
  Vec m = from_bits((bits & 0x007fffff) | 0x3f000000);
  const VecInt low = m < 0.707106781186547524f;
  e = e + low;  // a true lane is -1
  m = (low ? m + m : m) - 1.0f;
  const Vec exponent = __builtin_convertvector(e, Vec);
  const Vec square = m * m;
  Vec p = splat(7.0376836292e-2f);
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  Vec y = p * m * square + exponent * -2.12194440e-4f - 0.5f * square;
  y = m + y + exponent * 0.693359375f;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  y = x == kInfinity ? x : y;
  y = x == 0.0f ? splat(-kInfinity) : y;
  y = x < 0.0f ? splat(std::numeric_limits<float>::quiet_NaN()) : y;
  return x != x ? x : y;
}

// log(1 + x), exact near 0.
inline Vec log1p(Vec x) {
  const Vec u = x + 1.0f;
  // log u corrected for what was lost in rounding u (Kahan).
  Vec y = log(u) - ((u - 1.0f) - x) / u;
  y = abs(x) < 1e-7f ? x : y;
  const Vec whole = log(u);
  return u > 0.0f && abs(u) < std::numeric_limits<float>::infinity() ? y : whole;
}

inline Vec tanh(Vec x) {
  const Vec a = abs(x);
  const Vec e = expm1(least(a, splat(10.0f)) * 2.0f);
  Vec y = e / (e + 2.0f);
  y = a > 9.5f ? splat(1.0f) : y;
  y = copy_sign(y, x);
  return x != x ? x : y;
}

inline Vec sigmoid(Vec x) {
  const Vec e = exp(-abs(x));
  const Vec y = (x < 0.0f ? e : splat(1.0f)) / (e + 1.0f);
  return x != x ? x : y;
}

// log(1 + exp(x)).
inline Vec softplus(Vec x) {
  const Vec y = log1p(exp(-abs(x))) + greatest(x, Vec{});
  return x != x ? x : y;
}

// y[i] = f(x[i]) for n elements, f taking and giving a Vec.
template <class F>
inline void map_vec(const float* x, float* y, std::int64_t n, F f) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, f(load(x + i)));
  if (i < n) store_part(y + i, f(load_part(x + i, n - i)), n - i);
}

}  // namespace rareface::cpu
