// One vector type as wide as the instruction set this file is compiled for, through the vector
// extensions of GCC and Clang, so that one source serves all.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace rareface::cpu {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));
using VecInt = std::int32_t __attribute__((vector_size(kLanes * sizeof(float))));

// Any address.
inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

// The first n lanes; the others are zero, and not touched in memory.
inline Vec load_part(const float* p, std::int64_t n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1U), p);
#else
  Vec v{};
  for (int l = 0; l < kLanes; ++l)
    if (l < n) v[l] = p[l];
  return v;
#endif
}

inline void store_part(float* p, Vec v, std::int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << n) - 1U), v);
#else
  for (int l = 0; l < kLanes; ++l)
    if (l < n) p[l] = v[l];
#endif
}

// The same for any n: none, or all that there are.
inline Vec load_some(const float* p, std::int64_t n) {
  return n >= kLanes ? load(p) : n > 0 ? load_part(p, n) : Vec{};
}

inline void store_some(float* p, Vec v, std::int64_t n) {
  if (n >= kLanes)
    store(p, v);
  else if (n > 0)
    store_part(p, v, n);
}

// Past the caches, for what is not read again soon: memory is then not read before it is written.
// At a whole vector's address only. What was streamed is seen by other threads after
// stream_fence().
inline void stream(float* p, Vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, v);
#elif defined(__AVX__)
  _mm256_stream_ps(p, v);
#elif defined(__SSE2__)
  _mm_stream_ps(p, v);
#else
  store(p, v);
#endif
}

inline void stream_fence() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Whether stream() may write here.
inline bool at_vector(const float* p) {
  return reinterpret_cast<std::uintptr_t>(p) % sizeof(Vec) == 0;
}

// Keeps a loaded vector in its register: the compiler may else load it again for each use.
inline void pin([[maybe_unused]] Vec& v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#endif
}

// x - 0 is x for every x (-0 and NaN too), and the compiler knows it.
inline Vec splat(float x) { return x - Vec{}; }

// Lane by lane: mask ? a : b, for the masks that comparisons of vectors give.
inline Vec select(VecInt mask, Vec a, Vec b) { return mask ? a : b; }

namespace simd {

// Of the lanes of a, and then those of b, the ones with these numbers.
template <int... Numbers>
inline Vec lanes(Vec a, Vec b, std::integer_sequence<int, Numbers...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, Numbers...);
#else
  return __builtin_shuffle(a, b, VecInt{Numbers...});
#endif
}

using EachLane = std::make_integer_sequence<int, kLanes>;

template <int Step, int... L>
constexpr auto low_numbers(std::integer_sequence<int, L...>) {
  return std::integer_sequence<int, ((L & Step) ? L - Step + kLanes : L)...>{};
}
template <int Step, int... L>
constexpr auto high_numbers(std::integer_sequence<int, L...>) {
  return std::integer_sequence<int, ((L & Step) ? L + kLanes : L + Step)...>{};
}
template <int Step, int... L>
constexpr auto other_numbers(std::integer_sequence<int, L...>) {
  return std::integer_sequence<int, (L ^ Step)...>{};
}

template <int Step>
inline void transpose_step(Vec (&v)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i & Step) continue;
    const Vec a = v[i], b = v[i + Step];
    v[i] = lanes(a, b, low_numbers<Step>(EachLane{}));
    v[i + Step] = lanes(a, b, high_numbers<Step>(EachLane{}));
  }
}

template <int Step>
inline Vec add_halves(Vec v) {
  return v + lanes(v, v, other_numbers<Step>(EachLane{}));
}

}  // namespace simd

// The sum of all lanes, halves first: a fixed order.
inline float sum(Vec v) {
  if constexpr (kLanes > 8) v = simd::add_halves<8>(v);
  if constexpr (kLanes > 4) v = simd::add_halves<4>(v);
  return simd::add_halves<1>(simd::add_halves<2>(v))[0];
}

// v[i][j] <-> v[j][i].
inline void transpose(Vec (&v)[kLanes]) {
  simd::transpose_step<1>(v);
  simd::transpose_step<2>(v);
  if constexpr (kLanes > 4) simd::transpose_step<4>(v);
  if constexpr (kLanes > 8) simd::transpose_step<8>(v);
}

inline VecInt bits_of(Vec v) {
  VecInt bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

inline Vec from_bits(VecInt bits) {
  Vec v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

}  // namespace rareface::cpu
