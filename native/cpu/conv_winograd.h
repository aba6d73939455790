// 3x3 convolutions of stride 1 by Winograd's method: fewer products, at the price of transforms.
//
// The output is cut into tiles of M x M. A tile's T x T inputs (T = M + 2) and each filter are
// transformed so that the tile's convolution becomes T * T products, one for each "point": sums
// over the channels of all tiles at one point are a matrix product. Per output that is T * T / M^2
// products instead of 9: 4 for M = 2, 2.8 for M = 3, 2.25 for M = 4.
//
// Infinities and NaN in the input reach the whole tile, not just the outputs that read them.
// Results are the same bit for bit for any number of threads.
#pragma once

#include "conv.h"
#include "conv_gather.h"

namespace rareface::cpu {

// out = epilogue(sum over taps and channels of source * filter). Output pixel (y, x) reads source
// pixels (y - pad_top + i, x - pad_left + j) for i, j in 0..2, those outside as zero.
struct Correlation {
  Image source;
  std::int64_t pad_top = 0, pad_left = 0;
  // Element (k, j) of filter position t, from source channel k to output channel j, is at
  // t * in * out + k * k_stride + j * col_stride. One of the two strides is 1.
  const float* filter = nullptr;
  std::int64_t k_stride = 0, col_stride = 1;
  bool flipped = false;  // positions in reverse: an input gradient
  std::int64_t out_height = 0, out_width = 0, out_channels = 0;
};

// The tile M that is expected to be fastest for conv_forward or conv_input_grad, or for
// conv_filter_grad; 0: the direct way is. With factors in bfloat16 it is 2 at the most: rounding
// what was transformed for tiles of 2 gives 1.6 times the error of the direct way (rms), for tiles
// of 3 it would be 2.7 times, for 4 5 times.
std::int64_t winograd_tile(const ConvShape& shape, bool input_grad, Precision precision);
std::int64_t winograd_tile_of_filter_grad(const ConvShape& shape, Precision precision);

// `tile` is 2, 3 or 4. The transformed factors are rounded to Operand, see operand.h.
template <class Operand>
void winograd(std::int64_t tile, const Correlation& correlation, const Output& output,
              const Epilogue& epilogue, Host& host);

// As conv_filter_grad.
template <class Operand>
void winograd_filter_grad(std::int64_t tile, const ConvShape& shape, const float* x,
                          std::int64_t x_stride, const float* dy, std::int64_t dy_stride,
                          float* dfilter, bool accumulate, Host& host);

}  // namespace rareface::cpu
