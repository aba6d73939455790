#include <cstring>

#include "conv.h"
#include "conv_bfloat16.h"
#include "conv_gather.h"
#include "conv_winograd.h"
#include "gemm_columns.h"

namespace rareface::cpu {
namespace {

constexpr int kWide = 4;  // vectors of a row in add_wide

// sums[j][v] += sum over the columns of dy[column.b][j] * column.a[skip + v * kLanes + lane]: the
// roles of the two factors swapped, for gradients of so few channels that they would fill no
// vector.
template <int Channels>
void add_wide(const Column* columns, std::int64_t count, std::int64_t skip, std::int64_t width,
              const float* dy, std::int64_t dy_stride, Vec (&sums)[kFewCols][kWide]) {
  Vec s[Channels][kWide];
#pragma GCC unroll 4
  for (int j = 0; j < Channels; ++j)
#pragma GCC unroll 4
    for (int v = 0; v < kWide; ++v) s[j][v] = sums[j][v];
  const bool whole = width >= kWide * kLanes;
  for (std::int64_t k = 0; k < count; ++k) {
    const float* from = columns[k].a + skip;
    const float* gradient = dy + columns[k].b * dy_stride;
    Vec x[kWide];
    if (whole) {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) x[v] = load(from + v * kLanes);
    } else {
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) {
        const std::int64_t left = width - v * kLanes;
        x[v] = left >= kLanes ? load(from + v * kLanes)
               : left > 0     ? load_part(from + v * kLanes, left)
                              : Vec{};
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < Channels; ++j) {
      const Vec g = splat(gradient[j]);
#pragma GCC unroll 4
      for (int v = 0; v < kWide; ++v) s[j][v] += g * x[v];
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < Channels; ++j)
#pragma GCC unroll 4
    for (int v = 0; v < kWide; ++v) sums[j][v] = s[j][v];
}

void few_channels(const PixelGather& gather, const float* dy, std::int64_t dy_stride,
                  std::int64_t channels, float* out, bool accumulate, Host& host) {
  using AddWide = decltype(&add_wide<1>);
  static constexpr AddWide kAdd[] = {&add_wide<1>, &add_wide<2>, &add_wide<3>, &add_wide<4>};
  using Sums = Vec[kFewCols][kWide];
  constexpr std::int64_t kCols = kWide * kLanes;
  constexpr std::int64_t kDepth = 64;  // pixels that stay in L1 for all columns of a segment
  const Segments segments = gather.segments();
  const std::int64_t blocks = ceil_div(segments.length, kCols);
  const std::int64_t splits = std::clamp<std::int64_t>(gather.rows() / 512, 1, 16);
  auto* sums = static_cast<Sums*>(
      host.scratch(static_cast<std::size_t>(splits * segments.count * blocks) * sizeof(Sums)));
  auto add = [&](std::int64_t index) {
    const Part all = part_of(gather.rows(), splits, index / segments.count);
    Sums* own = sums + index * blocks;
    std::memset(own, 0, static_cast<std::size_t>(blocks) * sizeof(Sums));
    Column table[kDepth];
    for (std::int64_t k = all.begin; k < all.end; k += kDepth) {
      const Part now{k, std::min(all.end, k + kDepth)};
      const std::int64_t count = gather.columns(now, index % segments.count, table);
      for (std::int64_t block = 0; block < blocks; ++block)
        kAdd[channels - 1](table, count, block * kCols,
                           std::min(kCols, segments.length - block * kCols), dy, dy_stride,
                           own[block]);
    }
  };
  host.parallel(splits * segments.count, add);
  auto write = [&](std::int64_t s) {
    for (std::int64_t i = 0; i < segments.length; ++i) {
      float* to = out + (s * segments.length + i) * channels;
      for (std::int64_t j = 0; j < channels; ++j) {
        float v = 0;
        for (std::int64_t split = 0; split < splits; ++split)
          v += sums[(split * segments.count + s) * blocks + i / kCols][j][i % kCols / kLanes]
                   [i % kLanes];
        to[j] = accumulate ? to[j] + v : v;
      }
    }
  };
  host.parallel(segments.count, write);
}

}  // namespace

void conv_filter_grad(const ConvShape& s, const float* x, std::int64_t x_stride, const float* dy,
                      std::int64_t dy_stride, float* dfilter, bool accumulate, Host& host) {
  if (s.out_channels == 0) return;
  const Precision precision = product_precision(host, s.in_channels, s.out_channels);
  const bool pairs = precision == Precision::bfloat16;
  if (const std::int64_t tile = winograd_tile_of_filter_grad(s, precision)) {
    (pairs ? winograd_filter_grad<Bfloat16> : winograd_filter_grad<Float32>)(tile, s, x, x_stride,
                                                                             dy, dy_stride, dfilter,
                                                                             accumulate, host);
    return;
  }
  const Axis rows =
      forward_axis(s.out_height, s.filter_height, s.stride_h, s.dilation_h, s.pad_top);
  const Axis cols = forward_axis(s.out_width, s.filter_width, s.stride_w, s.dilation_w, s.pad_left);
  const Image source{x, s.batch, s.in_height, s.in_width, s.in_channels, x_stride};
  const Output output{dfilter, s.out_channels};
  const Epilogue epilogue{.accumulate = accumulate};
  if (pairs) {
    const PixelPairs neighbours = pixel_pairs(source, cols, host);
    const PixelGather gather(neighbours.image, rows, neighbours.x, s.out_height, neighbours.x.grid,
                             host);
    std::vector<std::int64_t> lines;
    for (std::int64_t i = 0; i < s.batch * s.out_height; ++i)
      lines.push_back(i * s.out_width * dy_stride);
    const RightFactor b{.base = dy,
                        .offsets = lines.data(),
                        .taps = s.batch * s.out_height,
                        .depth = s.out_width,
                        .k_stride = dy_stride};
    gemm_by_columns<Bfloat16>(gather, gather.rows(), gather.segments(), b, s.out_channels, output,
                              epilogue, host);
    return;
  }
  const PixelGather gather(source, rows, cols, s.out_height, s.out_width, host);
  if (s.out_channels <= kFewCols) {
    few_channels(gather, dy, dy_stride, s.out_channels, dfilter, accumulate, host);
    return;
  }
  const RightFactor b{.base = dy, .depth = gather.rows(), .k_stride = dy_stride, .col_stride = 1};
  gemm_by_columns(gather, gather.rows(), gather.segments(), b, s.out_channels, output, epilogue,
                  host);
}

}  // namespace rareface::cpu
