// Copies of pixels between tensors of different strides.
#pragma once

#include "pack.h"

namespace rareface::cuda {

struct PixelCopy {
  std::int64_t pixels = 0, channels = 0;
  const float* from = nullptr;
  std::int64_t from_stride = 0;
  float* to = nullptr;
  std::int64_t to_stride = 0;

  bool four_wide() const {
    return channels % 4 == 0 && cuda::four_wide(from, from_stride) &&
           cuda::four_wide(to, to_stride);
  }
};

// The part of it that falls to thread number `thread` of `threads`.
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
