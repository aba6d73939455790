// Neighbouring channels that a thread takes at once: four where everything is aligned, else one.
#pragma once

#include "elementwise.h"

namespace rareface::cuda {

template <int Width>
using Floats = Pack<float, Width>;

template <int Width>
__device__ __forceinline__ Floats<Width> load_pack(const float* p) {
  return *reinterpret_cast<const Floats<Width>*>(p);
}

template <int Width>
__device__ __forceinline__ void store_pack(float* p, const Floats<Width>& x) {
  *reinterpret_cast<Floats<Width>*>(p) = x;
}

// Whether packs of four lie at `p` and at every multiple of `stride` floats from it; nothing lies
// at null.
inline bool four_wide(const float* p, std::int64_t stride) {
  return !p || (reinterpret_cast<std::uintptr_t>(p) % sizeof(float4) == 0 && stride % 4 == 0);
}

// body(std::integral_constant<int, Width>), the Width being 4 or 1.
template <class F>
void with_width(bool four, F&& body) {
  if (four)
    body(std::integral_constant<int, 4>{});
  else
    body(std::integral_constant<int, 1>{});
}

// Threads over pixels and the packs of their channels: those of one pixel side by side.
inline Grid pixel_grid(std::int64_t pixels, std::int64_t packs) {
  constexpr unsigned kThreads = 256;
  constexpr std::int64_t kMostBlocks = 132 * 16;
  if (pixels <= 0 || packs <= 0) return {.blocks = 0};
  unsigned side = 1;
  while (side < packs && side < 64) side *= 2;
  const std::int64_t rows = kThreads / side;
  return {.blocks = static_cast<unsigned>(std::min((pixels + rows - 1) / rows, kMostBlocks)),
          .threads = dim3(side, kThreads / side)};
}

// body(pixel, first channel of a pack) in a kernel on a pixel_grid.
template <int Width, class F>
__device__ __forceinline__ void for_packs(std::int64_t pixels, std::int64_t channels, F&& body) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.y;
  for (std::int64_t p = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
       p < pixels; p += step)
    for (std::int64_t c = static_cast<std::int64_t>(threadIdx.x) * Width; c < channels;
         c += static_cast<std::int64_t>(blockDim.x) * Width)
      body(p, c);
}

}  // namespace rareface::cuda
