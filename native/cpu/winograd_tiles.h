// What the forward pass and the filter gradient by Winograd's method share: the tiles of an image,
// and where transformed values lie.
#pragma once

#include <algorithm>
#include <cstring>

#include "conv_gather.h"
#include "winograd_transform.h"

namespace rareface::cpu {

namespace winograd_tiles {

// A matrix of elements (see operand.h) for each point: element (row, c) of point p at data + p *
// point + row * stride + c.
struct Points {
  float* data = nullptr;
  std::int64_t count = 0, point = 0, stride = 0;

  Points() = default;
  // An odd number of cache lines from point to point, so that they do not meet in one cache set.
  Points(std::int64_t points, std::int64_t rows, std::int64_t cols)
      : count(points), stride(round_up(cols, kLanes)) {
    point = round_up(rows * stride, 32) + 16;
  }
  std::int64_t size() const { return count * point; }
  Points from(std::int64_t row, std::int64_t col) const {
    Points part = *this;
    part.data += row * stride + col;
    return part;
  }
};

// Stores, at each point, the elements of kDepth transforms that follow each other along K:
// square(d, put) calls put(i, j, ...) for each value of the d-th.
template <class Transform, class Operand, class Square>
[[gnu::always_inline]] inline void store_across(float* out, std::int64_t point, Square&& square) {
  constexpr int kOut = Transform::kOut;
  if constexpr (Operand::kDepth == 1) {
    square(0, [&](int i, int j, Vec v)
                  __attribute__((always_inline)) { store(out + (i * kOut + j) * point, v); });
  } else {
    Vec first[kOut][kOut];
    square(0, [&](int i, int j, Vec v) __attribute__((always_inline)) { first[i][j] = v; });
    square(1, [&](int i, int j, Vec v) __attribute__((always_inline)) {
      store(out + (i * kOut + j) * point,
            Operand::across([&](int d)
                                __attribute__((always_inline)) { return d ? v : first[i][j]; }));
    });
  }
}

// The tiles of M x M pixels that cover a grid, and the T x T source pixels each meets.
template <int M>
class Tiles {
 public:
  struct Place {
    std::int64_t n, y, x;  // of the tile's first grid position
  };

  Tiles(const Image& source, std::int64_t height, std::int64_t width, std::int64_t pad_top,
        std::int64_t pad_left, Host& host)
      : source_(source),
        height_(ceil_div(height, M)),
        width_(ceil_div(width, M)),
        pad_top_(pad_top),
        pad_left_(pad_left) {
    const auto bytes = static_cast<std::size_t>(source.channels) * sizeof(float);
    zeros_ = static_cast<const float*>(std::memset(host.scratch(bytes), 0, bytes));
  }

  std::int64_t count() const { return source_.batch * height_ * width_; }
  std::int64_t lines() const { return source_.batch * height_; }
  Place place(std::int64_t tile) const {
    return {tile / (height_ * width_), tile / width_ % height_ * M, tile % width_ * M};
  }

  // Transforms the tiles `range`, channels `channels`, whose first are to go to to.data. Elements
  // are of channels; those up to the next multiple of kLanes channels become zero.
  template <class Transform, class Operand>
  void transform_along(Part range, Part channels, const Points& to) const {
    for (std::int64_t tile = range.begin; tile < range.end; ++tile) {
      const auto pixels = pixels_of<Transform::kIn>(tile);
      float* out = to.data + (tile - range.begin) * to.stride;
      for (std::int64_t c = channels.begin; c < channels.end; c += kLanes) {
        transform_pixels<Transform>(
            pixels, c, channels.end, [&](int i, int j, Vec v) __attribute__((always_inline)) {
              Operand::store_along(out + (i * Transform::kOut + j) * to.point, v);
            });
        out += kLanes / Operand::kDepth;
      }
    }
  }

  // The same with elements of tiles: `range` counts elements.
  template <class Transform, class Operand>
  void transform_across(Part range, Part channels, const Points& to) const {
    for (std::int64_t element = range.begin; element < range.end; ++element) {
      Pixels<Transform::kIn> pixels[Operand::kDepth];
      for (int d = 0; d < Operand::kDepth; ++d)
        pixels[d] = pixels_of<Transform::kIn>(element * Operand::kDepth + d);
      float* out = to.data + (element - range.begin) * to.stride;
      for (std::int64_t c = channels.begin; c < channels.end; c += kLanes, out += kLanes)
        store_across<Transform, Operand>(
            out, to.point, [&](int d, auto&& put) __attribute__((always_inline)) {
              transform_pixels<Transform>(pixels[d], c, channels.end, put);
            });
    }
  }

 private:
  template <int Size>
  struct Pixels {
    const float* at[Size][Size];
  };

  // Where a tile's pixels lie; those outside the image, and all of a tile there is not, are zeros.
  template <int Size>
  Pixels<Size> pixels_of(std::int64_t tile) const {
    Pixels<Size> pixels;
    const Place at = place(tile);
    for (int i = 0; i < Size; ++i)
      for (int j = 0; j < Size; ++j) {
        const std::int64_t y = at.y - pad_top_ + i, x = at.x - pad_left_ + j;
        const bool inside =
            tile < count() && y >= 0 && y < source_.height && x >= 0 && x < source_.width;
        pixels.at[i][j] =
            inside
                ? source_.data + ((at.n * source_.height + y) * source_.width + x) * source_.stride
                : zeros_;
      }
    return pixels;
  }

  // put(i, j, ...) of the transform of the channels c.. of a tile, those from `end` on as zero.
  template <class Transform, class Put>
  [[gnu::always_inline]] static void transform_pixels(const Pixels<Transform::kIn>& pixels,
                                                      std::int64_t c, std::int64_t end, Put&& put) {
    if (end - c >= kLanes)
      transform_square<Transform>(
          [&](int i, int j) __attribute__((always_inline)) { return load(pixels.at[i][j] + c); },
          put);
    else
      transform_square<Transform>(
          [&](int i, int j)
              __attribute__((always_inline)) { return load_part(pixels.at[i][j] + c, end - c); },
          put);
  }

  Image source_;
  std::int64_t height_, width_;  // in tiles
  std::int64_t pad_top_, pad_left_;
  const float* zeros_;
};

}  // namespace winograd_tiles

}  // namespace rareface::cpu
