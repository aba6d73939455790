// Division by a number that is known before: a product and a shift.
#pragma once

#include <bit>
#include <cstdint>

#include "../runtime/kernel.h"

namespace rareface::cuda {

// Division of numbers below 2^31 by one that the host knows: n / d = n * ceil(2^s / d) >> s with
// s = 31 + ceil(log2 d). The factor exceeds 2^s / d by less than 1, so the product exceeds n / d by
// less than n / 2^s < 1 / d, which never reaches the next integer.
struct Divisor {
  std::uint32_t divisor, multiplier;
  int shift;

  Divisor() : Divisor(1) {}
  explicit Divisor(std::int64_t d)
      : divisor(static_cast<std::uint32_t>(d < 1 ? 1 : d)),
        shift(31 + std::bit_width(divisor - 1)) {
    require(d < std::int64_t{1} << 31, "a GPU's kernel cannot count ", d, " elements");
    multiplier = static_cast<std::uint32_t>(((std::uint64_t{1} << shift) + divisor - 1) / divisor);
  }
  constexpr std::uint32_t divide(std::uint32_t n) const {
    return static_cast<std::uint32_t>(std::uint64_t{n} * multiplier >> shift);
  }
  // Gives the remainder and leaves the quotient in `n`.
  constexpr std::uint32_t remainder(std::uint32_t& n) const {
    const std::uint32_t quotient = divide(n), rest = n - quotient * divisor;
    n = quotient;
    return rest;
  }
};

}  // namespace rareface::cuda
