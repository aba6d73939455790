// What elementwise functions of two tensors do to a pair of elements. Integers wrap as JavaScript's
// ToInt32 does.
#pragma once

#include <cmath>
#include <cstdint>

#include "convert.h"
#include "portable.h"

namespace rareface::ops {

struct Cheap {
  static constexpr bool kCostly = false;
};
struct Costly {
  static constexpr bool kCostly = true;  // tens of operations
};

RAREFACE_PORTABLE constexpr std::uint32_t u(std::int32_t x) {
  return static_cast<std::uint32_t>(x);
}
RAREFACE_PORTABLE constexpr std::int32_t i(std::uint32_t x) { return static_cast<std::int32_t>(x); }

struct Add : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return a + b; }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return i(u(a) + u(b));
  }
};
struct Sub : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return a - b; }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return i(u(a) - u(b));
  }
};
struct Multiply : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return a * b; }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return i(u(a) * u(b));
  }
};
struct RealDiv : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return a / b; }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return to_int32(static_cast<double>(a) / b);
  }
};
struct FloorDiv : Costly {
  RAREFACE_PORTABLE static float apply(float a, float b) { return std::floor(a / b); }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return to_int32(std::floor(static_cast<double>(a) / b));
  }
};
struct Maximum : Cheap {  // of a NaN and anything: NaN
  RAREFACE_PORTABLE static float apply(float a, float b) { return a != a ? a : (a > b ? a : b); }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return a > b ? a : b;
  }
};
struct Minimum : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return a != a ? a : (a < b ? a : b); }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return a < b ? a : b;
  }
};
struct SquaredDifference : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return (a - b) * (a - b); }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    const std::uint32_t d = u(a) - u(b);
    return i(d * d);
  }
};
struct Pow : Costly {
  RAREFACE_PORTABLE static float apply(float a, float b) {
    return static_cast<float>(js_pow(a, b));
  }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    constexpr double kExact = 9007199254740992;  // 2^53
    if (const double power = b < 0 ? kExact : whole_pow(a, b); std::fabs(power) < kExact)
      return to_int32(power);
    return to_int32(js_pow(a, b));
  }
};
struct Mod : Costly {
  RAREFACE_PORTABLE static float apply(float a, float b) {
    return static_cast<float>(floor_mod(a, b));
  }
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return to_int32(floor_mod(a, b));
  }
};
struct Atan2 : Costly {
  RAREFACE_PORTABLE static float apply(float a, float b) { return std::atan2(a, b); }
};
struct Prelu : Cheap {
  RAREFACE_PORTABLE static float apply(float a, float b) { return a < 0.0f ? a * b : a; }
};
struct EluGrad : Cheap {  // of dy and the forward result y
  RAREFACE_PORTABLE static float apply(float dy, float y) {
    return y >= 0.0f ? dy : dy * (y + 1.0f);
  }
};
struct BitwiseAnd : Cheap {
  RAREFACE_PORTABLE static std::int32_t apply(std::int32_t a, std::int32_t b) { return a & b; }
};

#define RAREFACE_COMPARISON(Name, op)                       \
  struct Name : Cheap {                                     \
    template <class T>                                      \
    RAREFACE_PORTABLE static std::uint8_t apply(T a, T b) { \
      return static_cast<std::uint8_t>(op);                 \
    }                                                       \
  }
RAREFACE_COMPARISON(Equal, a == b);
RAREFACE_COMPARISON(NotEqual, a != b);
RAREFACE_COMPARISON(Less, a < b);
RAREFACE_COMPARISON(LessEqual, a <= b);
RAREFACE_COMPARISON(Greater, a > b);
RAREFACE_COMPARISON(GreaterEqual, a >= b);
RAREFACE_COMPARISON(LogicalAnd, (a != 0) & (b != 0));
RAREFACE_COMPARISON(LogicalOr, (a != 0) | (b != 0));
RAREFACE_COMPARISON(LogicalXor, (a != 0) ^ (b != 0));
#undef RAREFACE_COMPARISON

}  // namespace rareface::ops
