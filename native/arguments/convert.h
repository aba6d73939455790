// Number conversions as JavaScript's typed arrays make them.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "portable.h"

namespace rareface {

// ToInt32: truncates, wraps modulo 2^32; NaN and the infinities give 0.
RAREFACE_PORTABLE inline std::int32_t to_int32(double x) {
  if (x > -2147483649.0 && x < 2147483648.0) return static_cast<std::int32_t>(x);
  if (!std::isfinite(x)) return 0;
  const double wrapped = std::fmod(std::trunc(x), 4294967296.0);
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::int64_t>(wrapped)));
}

// Math.pow: differs from std::pow where an exponent is NaN or the base is 1 in magnitude.
RAREFACE_PORTABLE inline double js_pow(double x, double y) {
  if (std::isnan(y) || (std::isinf(y) && std::fabs(x) == 1.0))
    return std::numeric_limits<double>::quiet_NaN();
  return std::pow(x, y);
}

// x to the power of n, a whole number from 0 on: exact where it is below 2^53. A device's own pow
// need not be.
RAREFACE_PORTABLE inline double whole_pow(double x, std::int64_t n) {
  double power = 1;
  for (double square = x; n > 0; n /= 2, square *= square)
    if (n % 2 == 1) power *= square;
  return power;
}

// Remainder with the divisor's sign, as tfjs's Mod.
RAREFACE_PORTABLE inline double floor_mod(double a, double b) {
  const double rest = std::fmod(a, b);
  if ((a < 0 && b < 0) || (a >= 0 && b >= 0)) return rest;
  return std::fmod(rest + b, b);
}

}  // namespace rareface
