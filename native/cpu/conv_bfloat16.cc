#include "conv_bfloat16.h"

namespace rareface::cpu {
namespace {

float* take(const Image& image, Host& host) {
  const std::int64_t floats = image.batch * image.height * image.width * image.stride;
  return static_cast<float*>(host.scratch(static_cast<std::size_t>(floats) * sizeof(float)));
}

}  // namespace

Image channel_pairs(const Image& source, Host& host) {
  Image copy = source;
  copy.channels = copy.stride = ceil_div(source.channels, Bfloat16::kDepth);
  float* data = take(copy, host);
  copy.data = data;
  auto task = [&](std::int64_t line) {
    const float* from = source.data + line * source.width * source.stride;
    float* to = data + line * copy.width * copy.stride;
    for (std::int64_t x = 0; x < source.width; ++x, from += source.stride, to += copy.stride)
      for (std::int64_t c = 0; c < source.channels; c += 2 * kLanes) {
        const Vec v = Bfloat16::along([&](int d) __attribute__((always_inline)) {
          return load_some(from + c + d * kLanes, source.channels - c - d * kLanes);
        });
        store_some(to + c / 2, v, copy.channels - c / 2);
      }
  };
  host.parallel(source.batch * source.height, task);
  return copy;
}

PixelPairs pixel_pairs(const Image& source, const Axis& x, Host& host) {
  PixelPairs pairs{source, x};
  Image& copy = pairs.image;
  Axis& axis = pairs.x;
  const std::int64_t left = std::max<std::int64_t>(0, -x.first());
  axis.grid = ceil_div(x.grid, 2);
  axis.step = 2 * x.step;
  for (auto& tap : axis.taps) tap.offset += left;
  copy.stride = source.channels;
  copy.width = axis.end();
  float* data = take(copy, host);
  copy.data = data;
  auto task = [&](std::int64_t line) {
    const float* from = source.data + line * source.width * source.stride;
    float* to = data + line * copy.width * copy.stride;
    for (std::int64_t column = 0; column < copy.width; ++column, to += copy.stride)
      for (std::int64_t c = 0; c < source.channels; c += kLanes) {
        const std::int64_t count = source.channels - c;
        const Vec v = Bfloat16::across([&](int d) __attribute__((always_inline)) {
          const std::int64_t at = column - left + d * x.step;
          const bool inside = at >= 0 && at < source.width;
          return inside ? load_some(from + at * source.stride + c, count) : Vec{};
        });
        store_some(to + c, v, count);
      }
  };
  host.parallel(source.batch * source.height, task);
  return pairs;
}

}  // namespace rareface::cpu
