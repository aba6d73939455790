// Convolutions of few pixels through deep filters, one tap of the filter after the other.
//
// A tap is a matrix product over those pairs of pixels alone that meet there, so no product with a
// zero outside the image or between strides is formed. Sums rest in cache in between. Every part of
// the filter is read once, while the part before it is multiplied.
#pragma once

#include "conv.h"
#include "conv_gather.h"

namespace rareface::cpu {

// Pairs of a source's and a result's pixel that are multiplied, over all taps; what a tile costs
// beyond its products counts as pairs too.
double tap_pairs(const ConvShape& shape, bool input_grad);

// Whether this is expected to be faster than a product over all taps at once (gemm.h).
bool taps_pay(const ConvShape& shape, bool input_grad);

// conv_forward or conv_input_grad. The source's channels are elements of Operand.
template <class Operand>
void convolve_by_taps(const ConvShape& shape, bool input_grad, const Image& source,
                      const float* filter, const Output& output, const Epilogue& epilogue,
                      Host& host);

}  // namespace rareface::cpu
