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
  constexpr std::int64_t kCols = kWide * kLanes;
  const Segments segments = gather.segments();
  const std::int64_t blocks = ceil_div(segments.length, kCols);
  auto task = [&](std::int64_t index) {
    const std::int64_t s = index / blocks;
    const std::int64_t skip = index % blocks * kCols;
    const std::int64_t width = std::min(kCols, segments.length - skip);
    Column table[columns::kDepth];
    Vec sums[kFewCols][kWide] = {};
    for (std::int64_t k = 0; k < gather.rows(); k += columns::kDepth) {
      const Part now{k, std::min(gather.rows(), k + columns::kDepth)};
      const std::int64_t count = gather.columns(now, s, table);
      kAdd[channels - 1](table, count, skip, width, dy, dy_stride, sums);
    }
    for (std::int64_t i = 0; i < width; ++i) {
      float* to = out + (s * segments.length + skip + i) * channels;
      for (std::int64_t j = 0; j < channels; ++j) {
        const float v = sums[j][i / kLanes][i % kLanes];
        to[j] = accumulate ? to[j] + v : v;
      }
    }
  };
  host.parallel(segments.count * blocks, task);
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
