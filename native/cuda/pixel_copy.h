// Copies of pixels between tensors of different strides.
#pragma once

#include "../arguments/pixel_copy.h"
#include "pack.h"

namespace rareface::cuda {

inline bool four_wide(const PixelCopy& c) {
  return c.channels % 4 == 0 && four_wide(c.from, c.from_stride) && four_wide(c.to, c.to_stride);
}

// The part of a copy that falls to thread number `thread` of `threads`.
template <int Width>
__device__ __forceinline__ void copy_part(const PixelCopy& c, std::int64_t thread,
                                          std::int64_t threads) {
  const std::int64_t packs = c.channels / Width;
  for (std::int64_t i = thread; i < c.pixels * packs; i += threads) {
    const std::int64_t pixel = i / packs, channel = i % packs * Width;
    store_pack(c.to + pixel * c.to_stride + channel,
               load_pack<Width>(c.from + pixel * c.from_stride + channel));
  }
}

void copy_pixels(const PixelCopy& copy, const Host& host);

}  // namespace rareface::cuda
