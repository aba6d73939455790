// What elementwise functions of one tensor do to an element. What NaN and the infinities give is
// what JavaScript's Math gives, as in tfjs.
//
// Float functions are written for V, a float or a vector of them, and take their transcendental
// functions from a class M of such functions on V.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "portable.h"

namespace rareface::ops {

// x in every lane.
template <class V>
RAREFACE_PORTABLE inline V all(float x) {
  return x - V{};
}

struct OneTerm {
  static constexpr bool kCostly = false;
  static constexpr int kAttributes = 0;
};
struct ManyTerms {
  static constexpr bool kCostly = true;  // tens of operations
  static constexpr int kAttributes = 0;
};

// Unsigned arithmetic wraps where JavaScript's ToInt32 does.
RAREFACE_PORTABLE constexpr std::int32_t negated(std::int32_t x) {
  return static_cast<std::int32_t>(0u - static_cast<std::uint32_t>(x));
}

// --- float32 and, exactly, int32.

struct Relu : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return x < 0.0f ? V{} : x;
  }
  RAREFACE_PORTABLE static std::int32_t exact(std::int32_t x) { return x > 0 ? x : 0; }
};
struct Relu6 : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    const V low = x < 0.0f ? V{} : x;
    return low > 6.0f ? all<V>(6.0f) : low;
  }
  RAREFACE_PORTABLE static std::int32_t exact(std::int32_t x) {
    return x > 6 ? 6 : (x > 0 ? x : 0);
  }
};
struct Neg : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return -x;
  }
  RAREFACE_PORTABLE static std::int32_t exact(std::int32_t x) { return negated(x); }
};
struct Abs : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return M::abs(x);
  }
  RAREFACE_PORTABLE static std::int32_t exact(std::int32_t x) { return x < 0 ? negated(x) : x; }
};
struct Sign : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return x > 0.0f ? all<V>(1.0f) : (x < 0.0f ? all<V>(-1.0f) : V{});
  }
  RAREFACE_PORTABLE static std::int32_t exact(std::int32_t x) { return (x > 0) - (x < 0); }
};
struct Square : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return x * x;
  }
  RAREFACE_PORTABLE static std::int32_t exact(std::int32_t x) {
    const auto u = static_cast<std::uint32_t>(x);
    return static_cast<std::int32_t>(u * u);
  }
};

// --- float32.

struct LeakyRelu : OneTerm {
  static constexpr int kAttributes = 1;  // the slope
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float* a) {
    return x < 0.0f ? x * a[0] : x;
  }
};
struct Step : OneTerm {
  static constexpr int kAttributes = 1;  // the value where x <= 0
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float* a) {
    const V y = x > 0.0f ? all<V>(1.0f) : all<V>(a[0]);
    return x != x ? x : y;
  }
};
struct ClipByValue : OneTerm {
  static constexpr int kAttributes = 2;  // least, greatest
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float* a) {
    const V y = x > a[1] ? all<V>(a[1]) : x;
    return y < a[0] ? all<V>(a[0]) : y;
  }
};
struct Reciprocal : OneTerm {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return 1.0f / x;
  }
};
struct Elu : ManyTerms {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    return x < 0.0f ? M::expm1(x) : x;
  }
};
struct Selu : ManyTerms {
  template <class M, class V>
  RAREFACE_PORTABLE static V apply(V x, const float*) {
    constexpr float kScale = 1.0507009873554804934193349852946f;
    constexpr float kScaleAlpha = 1.7580993408473768599402175208123f;
    return x < 0.0f ? M::expm1(x) * kScaleAlpha : x * kScale;
  }
};

#define RAREFACE_FUNCTION(Name, function)                 \
  struct Name : ManyTerms {                               \
    template <class M, class V>                           \
    RAREFACE_PORTABLE static V apply(V x, const float*) { \
      return M::function(x);                              \
    }                                                     \
  }
RAREFACE_FUNCTION(Exp, exp);
RAREFACE_FUNCTION(Expm1, expm1);
RAREFACE_FUNCTION(Log, log);
RAREFACE_FUNCTION(Log1p, log1p);
RAREFACE_FUNCTION(Tanh, tanh);
RAREFACE_FUNCTION(Sigmoid, sigmoid);
RAREFACE_FUNCTION(Softplus, softplus);
#undef RAREFACE_FUNCTION

// --- float32 -> float32, on one number: what compilers turn into vectors, or what is rare.

#define RAREFACE_SCALAR(Name, Terms, expression)                          \
  struct Name : Terms {                                                   \
    RAREFACE_PORTABLE static float scalar(float x) { return expression; } \
  }
RAREFACE_SCALAR(Sqrt, OneTerm, std::sqrt(x));
RAREFACE_SCALAR(Rsqrt, OneTerm, 1.0f / std::sqrt(x));
RAREFACE_SCALAR(Floor, OneTerm, std::floor(x));
RAREFACE_SCALAR(Ceil, OneTerm, std::ceil(x));
RAREFACE_SCALAR(Round, OneTerm, std::nearbyint(x));  // half to even, as tfjs
RAREFACE_SCALAR(Erf, ManyTerms, std::erf(x));
RAREFACE_SCALAR(Sin, ManyTerms, std::sin(x));
RAREFACE_SCALAR(Cos, ManyTerms, std::cos(x));
// Near its poles the float32 function is off by enough to be seen.
RAREFACE_SCALAR(Tan, ManyTerms, static_cast<float>(std::tan(static_cast<double>(x))));
RAREFACE_SCALAR(Asin, ManyTerms, std::asin(x));
RAREFACE_SCALAR(Acos, ManyTerms, std::acos(x));
RAREFACE_SCALAR(Atan, ManyTerms, std::atan(x));
RAREFACE_SCALAR(Sinh, ManyTerms, std::sinh(x));
RAREFACE_SCALAR(Cosh, ManyTerms, std::cosh(x));
RAREFACE_SCALAR(Asinh, ManyTerms, std::asinh(x));
RAREFACE_SCALAR(Acosh, ManyTerms, std::acosh(x));
RAREFACE_SCALAR(Atanh, ManyTerms, std::atanh(x));
#undef RAREFACE_SCALAR

// --- To bool, of float32 and of bool.

struct IsNan {
  RAREFACE_PORTABLE static bool test(float x) { return x != x; }
};
struct IsInf {
  RAREFACE_PORTABLE static bool test(float x) {
    return std::fabs(x) == std::numeric_limits<float>::infinity();
  }
};
struct IsFinite {
  RAREFACE_PORTABLE static bool test(float x) {
    return std::fabs(x) < std::numeric_limits<float>::infinity();
  }
};
struct LogicalNot {
  RAREFACE_PORTABLE static bool test(std::uint8_t x) { return x == 0; }
};

}  // namespace rareface::ops
