// A convolution as a matrix product: which input pixels the rows of A are.
#pragma once

#include <cstdint>
#include <vector>

#include "conv.h"
#include "gemm.h"

namespace rareface::cpu {

// An NHWC tensor, or a slice of its channels.
struct Image {
  const float* data = nullptr;
  std::int64_t batch = 0, height = 0, width = 0, channels = 0;
  std::int64_t stride = 0;  // floats from one pixel to the next
};

// One spatial axis: position g of the grid meets the source at g * step + taps[i].offset, for
// each tap, and the output at out_begin + g * out_step.
struct Axis {
  struct Tap {
    std::int64_t index;  // in the filter
    std::int64_t offset;
  };
  std::int64_t grid = 0;
  std::int64_t step = 1;
  std::int64_t out_begin = 0, out_step = 1;
  std::vector<Tap> taps;  // by ascending offset

  std::int64_t first() const { return taps.empty() ? 0 : taps.front().offset; }
  // One past the last source position met.
  std::int64_t end() const {
    return taps.empty() || grid == 0 ? 0 : (grid - 1) * step + taps.back().offset + 1;
  }
  // Whether consecutive taps meet consecutive pixels.
  bool consecutive() const {
    for (std::size_t i = 1; i < taps.size(); ++i)
      if (taps[i].offset != taps[i - 1].offset + 1) return false;
    return true;
  }
};

// The axis of a forward convolution.
Axis forward_axis(std::int64_t out, std::int64_t filter, std::int64_t stride, std::int64_t dilation,
                  std::int64_t pad);

// The axis of the input gradient for the input positions phase, phase + stride, ...: those that
// meet the same filter positions, so that no product with a zero between strides is formed.
Axis backward_axis(std::int64_t in, std::int64_t filter, std::int64_t stride, std::int64_t dilation,
                   std::int64_t pad, std::int64_t phase);

// The gather (see gemm.h) over a grid of pixels. Taps outside the source point at `zeros`.
class PixelGather {
 public:
  // A row of the filter becomes one segment where all of it always lies inside the source. Few
  // channels make short segments: for that the source is copied with a margin of zeros. Everything
  // borrowed must outlive the gather.
  PixelGather(const Image& source, const Axis& y, const Axis& x, std::int64_t out_height,
              std::int64_t out_width, Host& host);

  Segments segments() const { return segments_; }
  std::int64_t rows() const { return source_.batch * y_->grid * x_->grid; }

  std::int64_t line() const { return x_->grid; }
  Part pointers(Part rows, Part segments, std::int64_t skip, const float** table) const;
  void pixels(Part rows, std::int64_t* pixel) const;

  // For the filter gradient, see gemm_columns.h: K runs over the grid.
  std::int64_t columns(Part rows, std::int64_t segment, Column* table) const;

 private:
  struct Position {
    std::int64_t n, y, x;
  };
  Position position(std::int64_t row) const;
  void advance(Position& p) const;
  void copy_with_margin(Host& host);

  Image source_;
  const Axis* y_;
  const Axis* x_;
  std::int64_t top_ = 0, left_ = 0;  // margins of the copy
  std::int64_t out_height_, out_width_;
  Segments segments_;
  std::vector<std::int64_t> dy_, dx_;  // of each segment
  const float* zeros_ = nullptr;       // none: every tap is inside
};

}  // namespace rareface::cpu
