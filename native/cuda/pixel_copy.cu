#include "pixel_copy.h"

namespace rareface::cuda {
namespace {

template <int Width>
__global__ void copy_channels(PixelCopy c) {
  for_packs<Width>(c.pixels, c.channels, [&](std::int64_t p, std::int64_t channel) {
    store_pack(c.to + p * c.to_stride + channel,
               load_pack<Width>(c.from + p * c.from_stride + channel));
  });
}

}  // namespace

void copy_pixels(const PixelCopy& copy, const Host& host) {
  with_width(four_wide(copy), [&](auto width) {
    launch(host, pixel_grid(copy.pixels, copy.channels / width), copy_channels<width>, copy);
  });
}

}  // namespace rareface::cuda
