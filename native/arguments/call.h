// What reading any kernel's arguments takes.
#pragma once

#include <cstdint>

#include "../runtime/kernel.h"

namespace rareface {

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t n, std::int64_t unit) {
  return ceil_div(n, unit) * unit;
}

constexpr std::int64_t product(const std::int64_t* dims, int from, int to) {
  std::int64_t n = 1;
  for (int i = from; i < to; ++i) n *= dims[i];
  return n;
}

inline void require_arity(const Call& call, int inputs, int outputs) {
  require(call.in_count == inputs && call.out_count == outputs, "takes ", inputs,
          " inputs and gives ", outputs, " outputs, but got ", call.in_count, " and ",
          call.out_count);
}

inline void require_floats(const View& view, std::int64_t size, const char* what) {
  require(view.dtype == DType::float32 && view.size() == size, what, " must be ", size, " floats");
}

// Uninitialised, until the kernel returns.
inline float* scratch_floats(Host& host, std::int64_t count) {
  return static_cast<float*>(host.scratch(static_cast<std::size_t>(count) * sizeof(float)));
}

}  // namespace rareface
