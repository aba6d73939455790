// What the forward pass and the filter gradient by Winograd's method share: the tiles of an image,
// and where transformed values lie.
#pragma once

#include <algorithm>
#include <cstring>

#include "conv_gather.h"
#include "winograd_transform.h"

namespace rareface::cpu {

namespace winograd_tiles {

// A matrix for each point: element (row, c) of point p at data + p * point + row * stride + c.
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

  // Transforms the tiles `range`, channels `channels`, whose first are to go to to.data. Channels
  // up to the next multiple of kLanes become zero.
  template <class Transform>
  void transform(Part range, Part channels, const Points& to) const {
    constexpr int kSize = Transform::kIn;
    for (std::int64_t tile = range.begin; tile < range.end; ++tile) {
      const Place at = place(tile);
      const float* pixels[kSize][kSize];
      for (int i = 0; i < kSize; ++i)
        for (int j = 0; j < kSize; ++j) {
          const std::int64_t y = at.y - pad_top_ + i, x = at.x - pad_left_ + j;
          const bool inside = y >= 0 && y < source_.height && x >= 0 && x < source_.width;
          pixels[i][j] = inside ? source_.data + ((at.n * source_.height + y) * source_.width + x) *
                                                     source_.stride
                                : zeros_;
        }
      float* out = to.data + (tile - range.begin) * to.stride;
      for (std::int64_t c = channels.begin; c < channels.end; c += kLanes, out += kLanes) {
        const std::int64_t left = channels.end - c;
        const auto put = [&](int i, int j, Vec v) __attribute__((always_inline)) {
          store(out + (i * Transform::kOut + j) * to.point, v);
        };
        if (left >= kLanes)
          transform_square<Transform>(
              [&](int i, int j) __attribute__((always_inline)) { return load(pixels[i][j] + c); },
              put);
        else
          transform_square<Transform>(
              [&](int i, int j)
                  __attribute__((always_inline)) { return load_part(pixels[i][j] + c, left); },
              put);
      }
    }
  }

 private:
  Image source_;
  std::int64_t height_, width_;  // in tiles
  std::int64_t pad_top_, pad_left_;
  const float* zeros_;
};

}  // namespace winograd_tiles

}  // namespace rareface::cpu
