// What a kernel may call besides intrinsics.h. On misuse these throw what launch() reports.
#pragma once

#include <math.h>

#include <bit>
#include <type_traits>

#include "block.h"
#include "language.h"

// Of the thread that is running. Not to be written.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = emulator::kWarp;

// --- waiting for each other

inline void __syncthreads() { emulator::sync_threads(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { emulator::sync_warp(mask); }
inline void __threadfence() {}
inline void __threadfence_block() {}

// --- exchanges within a warp; `width`: a power of two up to 32, warps are cut into such segments

namespace emulator {

template <class T>
T shuffle(unsigned mask, T value, int source) {
  static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8));
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return std::bit_cast<T>(
      static_cast<Bits>(shuffle_bits(mask, std::bit_cast<Bits>(value), source)));
}

inline int segment_start(int width) { return lane() & ~(width - 1); }

}  // namespace emulator

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize) {
  return emulator::shuffle(mask, value, emulator::segment_start(width) + (source & (width - 1)));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const int lane = emulator::lane(), source = lane - static_cast<int>(delta);
  return emulator::shuffle(mask, value, source < emulator::segment_start(width) ? lane : source);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize) {
  const int lane = emulator::lane(), source = lane + static_cast<int>(delta);
  const int end = emulator::segment_start(width) + width;
  return emulator::shuffle(mask, value, source >= end ? lane : source);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = warpSize) {
  const int lane = emulator::lane(), source = lane ^ lanes;
  const int end = emulator::segment_start(width) + width;
  return emulator::shuffle(mask, value, source >= end ? lane : source);
}
inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return emulator::ballot(mask, predicate != 0);
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) { return __ballot_sync(mask, !predicate) == 0; }

// --- memory; of atomics those on integers alone, whose result does not depend on their order

template <class T>
T __ldg(const T* address) {
  return *address;
}

#define RAREFACE_ATOMICS(T)                            \
  inline T atomicAdd(T* address, T value) {            \
    const T old = *address;                            \
    *address = old + value;                            \
    return old;                                        \
  }                                                    \
  inline T atomicMax(T* address, T value) {            \
    const T old = *address;                            \
    *address = old > value ? old : value;              \
    return old;                                        \
  }                                                    \
  inline T atomicMin(T* address, T value) {            \
    const T old = *address;                            \
    *address = old < value ? old : value;              \
    return old;                                        \
  }                                                    \
  inline T atomicOr(T* address, T value) {             \
    const T old = *address;                            \
    *address = old | value;                            \
    return old;                                        \
  }                                                    \
  inline T atomicExch(T* address, T value) {           \
    const T old = *address;                            \
    *address = value;                                  \
    return old;                                        \
  }                                                    \
  inline T atomicCAS(T* address, T compare, T value) { \
    const T old = *address;                            \
    if (old == compare) *address = value;              \
    return old;                                        \
  }
RAREFACE_ATOMICS(int)
RAREFACE_ATOMICS(unsigned)
#undef RAREFACE_ATOMICS

// --- arithmetic that math.h lacks

#define RAREFACE_MIN_MAX(T)                           \
  constexpr T min(T a, T b) { return b < a ? b : a; } \
  constexpr T max(T a, T b) { return a < b ? b : a; }
RAREFACE_MIN_MAX(int)
RAREFACE_MIN_MAX(unsigned)
RAREFACE_MIN_MAX(long)
RAREFACE_MIN_MAX(unsigned long)
RAREFACE_MIN_MAX(long long)
RAREFACE_MIN_MAX(unsigned long long)
#undef RAREFACE_MIN_MAX
// A NaN beside a number gives the number, as on the device.
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>(std::uint64_t{x} * y >> 32);
}
