// Copies of an image in bfloat16 elements (see operand.h), made once for a convolution: what
// gathers and multiplies float32 does the same with them.
#pragma once

#include "../arguments/precision.h"
#include "conv_gather.h"

namespace rareface::cpu {

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
