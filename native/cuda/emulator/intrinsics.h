// The emulated half of native/cuda/intrinsics.h, which says what these do.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "block.h"

namespace rareface::cuda {

// To nearest, ties to even.
inline std::uint32_t pack_bf16(float low, float high) {
  const auto round = [](float x) {
    if (std::isnan(x)) return 0x7fffu;
    const auto bits = std::bit_cast<std::uint32_t>(x);
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  };
  return round(high) << 16 | round(low);
}

// Factors are cut to the format's bits, products are exact, sums are those of tensor_cores.h.
inline void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  emulator::mma({d, a, b}, emulator::Factors::tf32);
}
inline void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  emulator::mma({d, a, b}, emulator::Factors::bf16);
}

template <int Size>
void copy_async(void* shared, const void* global, int bytes) {
  static_assert(Size == 4 || Size == 16);
  emulator::copy_async(shared, global, Size, bytes);
}
inline void commit_copies() { emulator::commit_copies(); }
template <int N>
void wait_copies() {
  emulator::wait_copies(N);
}

template <class T>
T* shared_memory() {
  return static_cast<T*>(emulator::dynamic_shared());
}

}  // namespace rareface::cuda
