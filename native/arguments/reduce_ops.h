// What reductions do to their elements: a Block takes a few hundred, a Wide takes blocks. A step of
// floats is written for V, a float or a vector of them.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "convert.h"
#include "portable.h"

namespace rareface::ops {

struct SumFloat {
  using In = float;
  using Block = float;
  using Wide = double;
  using Out = float;
  static constexpr Block kBlock = 0;
  static constexpr Wide kWide = 0;
  template <class V>
  RAREFACE_PORTABLE static V step(V a, V x) {
    return a + x;
  }
  RAREFACE_PORTABLE static Wide join(Wide a, Wide b) { return a + b; }
  RAREFACE_PORTABLE static Out finish(Wide a, std::int64_t) { return static_cast<float>(a); }
};

struct MeanFloat : SumFloat {
  RAREFACE_PORTABLE static Out finish(Wide a, std::int64_t count) {
    return static_cast<float>(a / static_cast<double>(count));
  }
};

struct SumInt {
  using In = std::int32_t;
  using Block = std::int64_t;
  using Wide = std::int64_t;
  using Out = std::int32_t;
  static constexpr Block kBlock = 0;
  static constexpr Wide kWide = 0;
  RAREFACE_PORTABLE static Block step(Block a, In x) { return a + x; }
  RAREFACE_PORTABLE static Wide join(Wide a, Wide b) { return a + b; }
  RAREFACE_PORTABLE static Out finish(Wide a, std::int64_t) { return static_cast<std::int32_t>(a); }
};

template <class T>
struct Prod {
  using In = T;
  using Block = double;
  using Wide = double;
  using Out = T;
  static constexpr Block kBlock = 1;
  static constexpr Wide kWide = 1;
  RAREFACE_PORTABLE static Block step(Block a, In x) { return a * x; }
  RAREFACE_PORTABLE static Wide join(Wide a, Wide b) { return a * b; }
  RAREFACE_PORTABLE static Out finish(Wide a, std::int64_t) {
    if constexpr (std::is_same_v<T, float>)
      return static_cast<float>(a);
    else
      return to_int32(a);
  }
};

template <class T>
struct Extreme {
  using In = T;
  using Block = T;
  using Wide = T;
  using Out = T;
  RAREFACE_PORTABLE static Out finish(Wide a, std::int64_t) { return a; }
};

// A NaN among the elements makes the result NaN.
struct MaxFloat : Extreme<float> {
  static constexpr float kBlock = -std::numeric_limits<float>::infinity();
  static constexpr float kWide = kBlock;
  template <class V>
  RAREFACE_PORTABLE static V step(V a, V x) {
    return ((x > a) | (x != x)) ? x : a;
  }
  RAREFACE_PORTABLE static float join(float a, float b) { return step(a, b); }
};
struct MinFloat : Extreme<float> {
  static constexpr float kBlock = std::numeric_limits<float>::infinity();
  static constexpr float kWide = kBlock;
  template <class V>
  RAREFACE_PORTABLE static V step(V a, V x) {
    return ((x < a) | (x != x)) ? x : a;
  }
  RAREFACE_PORTABLE static float join(float a, float b) { return step(a, b); }
};
template <class T>
struct MaxInt : Extreme<T> {
  static constexpr T kBlock = std::numeric_limits<T>::min();
  static constexpr T kWide = kBlock;
  RAREFACE_PORTABLE static T step(T a, T x) { return x > a ? x : a; }
  RAREFACE_PORTABLE static T join(T a, T b) { return step(a, b); }
};
template <class T>
struct MinInt : Extreme<T> {
  static constexpr T kBlock = std::numeric_limits<T>::max();
  static constexpr T kWide = kBlock;
  RAREFACE_PORTABLE static T step(T a, T x) { return x < a ? x : a; }
  RAREFACE_PORTABLE static T join(T a, T b) { return step(a, b); }
};
struct Any : Extreme<std::uint8_t> {
  static constexpr std::uint8_t kBlock = 0;
  static constexpr std::uint8_t kWide = 0;
  RAREFACE_PORTABLE static std::uint8_t step(std::uint8_t a, std::uint8_t x) {
    return a | (x != 0);
  }
  RAREFACE_PORTABLE static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a | b; }
};
struct All : Extreme<std::uint8_t> {
  static constexpr std::uint8_t kBlock = 1;
  static constexpr std::uint8_t kWide = 1;
  RAREFACE_PORTABLE static std::uint8_t step(std::uint8_t a, std::uint8_t x) {
    return a & (x != 0);
  }
  RAREFACE_PORTABLE static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a & b; }
};

}  // namespace rareface::ops
