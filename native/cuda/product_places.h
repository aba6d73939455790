// Where the positions, taps and results of a product lie in memory (see product.h).
#pragma once

#include <cuda_runtime.h>

#include "product.h"

namespace rareface::cuda {

// What a position meets at the first tap: the pixel, and where that is in the image (modulo 2^32:
// it may lie outside).
struct alignas(16) Pixel {
  int y, x;
  unsigned at;
};
constexpr int kNowhere = -(1 << 30);  // a row or column that no tap brings into the image

__device__ inline Pixel pixel_of(const Product& p, const Phase& phase, unsigned position) {
  if (position >= static_cast<unsigned>(phase.positions)) return {kNowhere, 0, 0};
  const unsigned line = phase.width.divide(position), n = phase.height.divide(line);
  const int r = static_cast<int>(line - n * phase.height.divisor);
  const int c = static_cast<int>(position - line * phase.width.divisor);
  const int y = phase.first_y + r * p.step_y, x = phase.first_x + c * p.step_x;
  const unsigned at = (n * static_cast<unsigned>(p.height) + static_cast<unsigned>(y)) *
                          static_cast<unsigned>(p.width) +
                      static_cast<unsigned>(x);
  return {y, x, at * static_cast<unsigned>(p.image_stride)};
}

// The pixel of the result that row `row` of the product goes to.
__device__ inline std::int64_t target_of(const Product& p, const Phase& phase, int row) {
  if (p.dense) return row;
  const auto position = static_cast<unsigned>(row);
  const unsigned line = phase.width.divide(position), n = phase.height.divide(line);
  const int r = static_cast<int>(line - n * phase.height.divisor);
  const int c = static_cast<int>(position - line * phase.width.divisor);
  return (std::int64_t{n} * p.out_height + phase.out_y + r * p.out_step_y) * p.out_width +
         phase.out_x + c * p.out_step_x;
}

// Where one of a stack of products begins.
struct StackOffsets {
  std::int64_t a = 0, b = 0, out;

  __device__ StackOffsets(const Stack& stack, int index) : out(index * stack.out) {
    auto rest = static_cast<unsigned>(index);
    for (int i = stack.rank - 1; i >= 0; --i) {
      const unsigned next = stack.dims[i].divide(rest);
      const std::int64_t coordinate = rest - next * stack.dims[i].divisor;
      a += coordinate * stack.a[i];
      b += coordinate * stack.b[i];
      rest = next;
    }
  }
};

// Where a place along the depth takes a position, and the filter.
struct Place {
  int y, x;      // pixels from the first tap
  unsigned at;   // the same in the image, and the channel
  unsigned tap;  // in the filter
  unsigned channel;
};

__device__ inline Place place_of(const Product& p, const Phase& phase, unsigned k) {
  if (k >= static_cast<unsigned>(phase.depth)) return {kNowhere, 0, 0, 0, 0};
  const unsigned tap = p.channels.divide(k), i = phase.taps_x.divide(tap);
  const unsigned j = tap - i * phase.taps_x.divisor, channel = k - tap * p.channels.divisor;
  const int y = static_cast<int>(i) * p.tap_y, x = static_cast<int>(j) * p.tap_x;
  const unsigned pixels =
      static_cast<unsigned>(y) * static_cast<unsigned>(p.width) + static_cast<unsigned>(x);
  return {y, x, pixels * static_cast<unsigned>(p.image_stride) + channel,
          static_cast<unsigned>(phase.first_tap) + i * static_cast<unsigned>(p.filter_y) +
              j * static_cast<unsigned>(p.filter_x),
          channel};
}

__device__ inline bool is_inside(const Product& p, const Pixel& pixel, const Place& place) {
  return static_cast<unsigned>(pixel.y + place.y) < static_cast<unsigned>(p.height) &&
         static_cast<unsigned>(pixel.x + place.x) < static_cast<unsigned>(p.width);
}

}  // namespace rareface::cuda
