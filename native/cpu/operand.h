// What the factors of a product are made of in memory, as a parameter of everything that packs or
// multiplies them.
//
// Either way an element takes 4 bytes and is passed as a float: it is one float32, or two bfloat16
// that follow each other along K. So a product in bfloat16 is laid out, gathered and shared out as
// one in float32 of half the depth. A product's K that is odd gets a zero.
#pragma once

#include <cstdint>
#include <cstring>

#include "simd.h"

namespace rareface::cpu {

struct Float32 {
  static constexpr int kDepth = 1;  // values of K in an element

  // The element at p in every lane.
  static Vec broadcast(const float* p) { return splat(*p); }
  // sum + the products of the elements of a and b.
  static Vec add_product(Vec sum, Vec a, Vec b) { return sum + a * b; }
  // Elements from get(0)..get(kDepth - 1): lane l of the result is made of lane l of each.
  template <class Get>
  [[gnu::always_inline]] static Vec across(Get&& get) {
    return get(0);
  }
  // The same from kDepth * kLanes values that follow each other, kLanes from each get(i).
  template <class Get>
  [[gnu::always_inline]] static Vec along(Get&& get) {
    return get(0);
  }
  // Stores kLanes values that follow each other: kLanes / kDepth elements.
  static void store_along(float* p, Vec v) { store(p, v); }
};

// Rounded to nearest even; numbers below the smallest normal one count as 0, as in the processor's
// own instructions. These are written as assembly, since the library is compiled for processors
// that lack them: nothing may come here unless the host's precision is bfloat16.
struct Bfloat16 {
  static constexpr int kDepth = 2;

  static Vec broadcast(const float* p) {
    std::int32_t bits;
    std::memcpy(&bits, p, sizeof bits);
    return from_bits(bits - VecInt{});
  }

  static Vec add_product(Vec sum, Vec a, Vec b) {
#if defined(__AVX512F__)
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
#else
    const VecInt x = bits_of(a), y = bits_of(b);
    sum += from_bits(x << 16) * from_bits(y << 16);
    return sum + from_bits(x & kHigh) * from_bits(y & kHigh);
#endif
  }

  template <class Get>
  [[gnu::always_inline]] static Vec across(Get&& get) {
    return interleave(get(0), get(1));
  }
  template <class Get>
  [[gnu::always_inline]] static Vec along(Get&& get) {
    return consecutive(get(0), get(1));
  }
  static void store_along(float* p, Vec v) {
#if defined(__AVX512F__)
    __m256i half;
    asm("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(v));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), half);
#else
    const Vec both = consecutive(v, Vec{});
    std::memcpy(p, &both, sizeof both / 2);
#endif
  }

 private:
  static Vec interleave(Vec even, Vec odd) {
#if defined(__AVX512F__)
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(even) : "v"(even), "v"(odd));
    return _mm512_castsi512_ps(
        _mm512_permutexvar_epi16(_mm512_load_si512(kHalves), _mm512_castps_si512(even)));
#else
    return from_bits(high_half(even) | (rounded(odd) & kHigh));
#endif
  }

  static Vec consecutive(Vec low, Vec high) {
#if defined(__AVX512F__)
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(low) : "v"(low), "v"(high));
    return low;
#else
    Vec both;
    std::uint16_t values[2 * kLanes];
    for (int l = 0; l < kLanes; ++l) {
      values[l] = static_cast<std::uint16_t>(high_half(low)[l]);
      values[kLanes + l] = static_cast<std::uint16_t>(high_half(high)[l]);
    }
    std::memcpy(&both, values, sizeof both);
    return both;
#endif
  }

#if defined(__AVX512F__)
  // Half l and half l + kLanes, for each l.
  alignas(64) static constexpr std::int16_t kHalves[2 * kLanes] = {
      0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#else
  static constexpr std::int32_t kHigh = static_cast<std::int32_t>(0xffff0000U);
  // Rounded, in the high half; NaN stays NaN, and what is below 2^-126 becomes 0.
  static VecInt rounded(Vec v) {
    const VecInt bits = bits_of(v);
    const VecInt up = bits + 0x7fff + ((bits >> 16) & 1);
    const VecInt exponent = bits & 0x7f800000;
    return v != v ? bits | 0x400000 : exponent == 0 ? bits & kSign : up;
  }
  static constexpr std::int32_t kSign = static_cast<std::int32_t>(0x80000000U);
  static VecInt high_half(Vec v) { return (rounded(v) >> 16) & 0xffff; }
#endif
};

}  // namespace rareface::cpu
