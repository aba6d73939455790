// What kernels that make values take: constants, ranges, conversions, choices, one-hot rows.
#pragma once

#include <cstdint>
#include <type_traits>

#include "call.h"
#include "convert.h"
#include "portable.h"

namespace rareface {

// What a number is as an element: T of a dtype.
template <class T>
RAREFACE_PORTABLE inline T element_of(double value) {
  if constexpr (std::is_same_v<T, float>)
    return static_cast<float>(value);
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return to_int32(value);
  else
    return static_cast<std::uint8_t>(value != 0);
}

// body.template operator()<T>(), T an element of a dtype.
template <class Body>
void with_element(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::float32:
      return body.template operator()<float>();
    case DType::int32:
      return body.template operator()<std::int32_t>();
    case DType::boolean:
      return body.template operator()<std::uint8_t>();
  }
}

template <class From, class To>
RAREFACE_PORTABLE inline To convert(From x) {
  if constexpr (std::is_same_v<To, std::uint8_t>)
    return static_cast<std::uint8_t>(x != 0);
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, std::int32_t>)
    return to_int32(x);
  else
    return static_cast<To>(x);
}

// Casts, by Run's `template <class From, class To> static void run(const Call&)`.
template <class Run>
struct CastKernel {
  static void cast(const Call& call) {
    require_arity(call, 1, 1);
    require(call.in[0].size() == call.out[0].size(), "sizes differ");
    with_element(call.in[0].dtype, [&]<class From>() {
      with_element(call.out[0].dtype, [&]<class To>() { Run::template run<From, To>(call); });
    });
  }
};

// Inputs: condition, then, else; a short condition chooses whole rows. Gives a row's length.
inline std::int64_t selected_row(const Call& call) {
  require_arity(call, 3, 1);
  const View& y = call.out[0];
  require(call.in[0].dtype == DType::boolean, "the condition must be bool");
  require(call.in[1].dtype == y.dtype && call.in[2].dtype == y.dtype, "dtypes differ");
  require(call.in[1].size() == y.size() && call.in[2].size() == y.size(), "sizes differ");
  const std::int64_t choices = call.in[0].size();
  require(y.size() == 0 || (choices > 0 && y.size() % choices == 0),
          "the condition's size does not fit");
  return choices > 0 ? y.size() / choices : 1;
}

// Attributes: depth, value where the index is, value elsewhere. An index out of range has no row
// entry, as in tfjs.
struct OneHot {
  std::int64_t depth;
  double on, off;
  explicit OneHot(const Call& call) : depth(call.attr_int(0)), on(call.attr(1)), off(call.attr(2)) {
    require_arity(call, 1, 1);
    require(call.in[0].dtype == DType::int32, "the indices must be int32");
    require(call.out[0].size() == call.in[0].size() * depth, "the output's size does not fit");
  }
};

}  // namespace rareface
