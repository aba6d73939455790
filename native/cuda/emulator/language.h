// CUDA's keywords and vector types.
#pragma once

#include <cstddef>
#include <cstdint>

#define __global__
#define __device__
#define __host__
#define __shared__ static  // one block runs at a time in a process
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

#define RAREFACE_VECTOR_TYPES(T, name)                               \
  struct alignas(2 * sizeof(T)) name##2 { T x, y; };                 \
  struct name##3 { T x, y, z; };                                     \
  struct alignas(4 * sizeof(T)) name##4 { T x, y, z, w; };           \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }         \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
RAREFACE_VECTOR_TYPES(float, float)
RAREFACE_VECTOR_TYPES(int, int)
RAREFACE_VECTOR_TYPES(unsigned, uint)
RAREFACE_VECTOR_TYPES(unsigned char, uchar)
#undef RAREFACE_VECTOR_TYPES

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1)  // NOLINT: as CUDA's, implicit
      : x(x_), y(y_), z(z_) {}
};
