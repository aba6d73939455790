// Copies of an image in bfloat16 elements (see operand.h), made once for a convolution: what
// gathers and multiplies float32 does the same with them.
#pragma once

#include "conv_gather.h"

namespace rareface::cpu {

// How the factors of a product over `depth` channels to `cols` of them are rounded. Few channels,
// which are images and their like, stay float32: there is little to gain, and the most to lose.
inline Precision product_precision(const Host& host, std::int64_t depth, std::int64_t cols) {
  constexpr std::int64_t kMinChannels = 8;
  return depth >= kMinChannels && cols >= kMinChannels ? host.precision() : Precision::float32;
}

// Elements of two channels.
Image channel_pairs(const Image& source, Host& host);

// Elements of what two neighbours on a grid meet, for sums over its pixels: the grid has every
// second position of `x`, and column c of `image` holds the channels of source columns c - left and
// c - left + x.step, those outside as zero. The axis is that of the image.
struct PixelPairs {
  Image image;
  Axis x;
};
PixelPairs pixel_pairs(const Image& source, const Axis& x, Host& host);

}  // namespace rareface::cpu
