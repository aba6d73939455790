// Matrix products with very few columns (the last layer's 1 or 3 channels): every element of C is a
// dot product whose vectors run along K, so that no lane is wasted.
#pragma once

#include "gemm.h"

namespace rareface::cpu {

namespace dot {

constexpr int rows_for(int cols) {
  return std::min({8, kTileRows, kTileRows * kTileVectors / cols});
}

using TileFunction = void (*)(const float* const* table, std::int64_t segments, std::int64_t length,
                              const float* b, std::int64_t b_stride, float* out, bool add);

// out[i * Cols + j] (+)= the dot product of row i with column j. Column j's K values lie at
// b + j * b_stride.
template <int Rows, int Cols>
void tile(const float* const* table, std::int64_t segments, std::int64_t length, const float* b,
          std::int64_t b_stride, float* out, bool add) {
  Vec sums[Rows][Cols];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Cols; ++j) sums[i][j] = Vec{};
  for (std::int64_t s = 0; s < segments; ++s, b += length) {
    const float* a[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) a[i] = table[s * kTileRows + i];
    std::int64_t c = 0;
    for (; c + kLanes <= length; c += kLanes) {
      Vec columns[Cols];
#pragma GCC unroll 4
      for (int j = 0; j < Cols; ++j) columns[j] = load(b + j * b_stride + c);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        Vec x = load(a[i] + c);
        pin(x);
#pragma GCC unroll 4
        for (int j = 0; j < Cols; ++j) sums[i][j] += x * columns[j];
      }
    }
    if (c < length)
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const Vec x = load_part(a[i] + c, length - c);
#pragma GCC unroll 4
        for (int j = 0; j < Cols; ++j)
          sums[i][j] += x * load_part(b + j * b_stride + c, length - c);
      }
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Cols; ++j)
      out[i * Cols + j] = add ? out[i * Cols + j] + sum(sums[i][j]) : sum(sums[i][j]);
}

template <int Cols, int... R>
constexpr std::array<TileFunction, sizeof...(R)> table(std::integer_sequence<int, R...>) {
  return {&tile<R + 1, Cols>...};
}

template <int Cols, class Gather>
void gemm(const Gather& gather, std::int64_t rows, Segments segments, const float* columns,
          const Output& output, const Epilogue& epilogue, Host& host) {
  constexpr int kRows = rows_for(Cols);
  static constexpr auto kTiles = table<Cols>(std::make_integer_sequence<int, kRows>{});
  const gemm::Passes passes(segments);
  const std::int64_t k = segments.count * segments.length;
  const std::int64_t tiles = ceil_div(rows, kRows);
  const std::int64_t tasks = std::min(tiles, gemm::kTasks);
  auto task = [&](std::int64_t index) {
    const Part chunk = part_of(tiles, tasks, index);
    const float* pointers[gemm::kMaxSegments * kTileRows];
    std::int64_t pixel[kTileRows];
    for (std::int64_t t = chunk.begin; t < chunk.end; ++t) {
      const Part tile_rows = part_of(rows, tiles, t);
      float sums[kTileRows * kFewCols] = {};
      for (std::int64_t pass = 0; pass < passes.count; ++pass) {
        const Part run = passes.run(pass);
        const Part piece = passes.piece(pass);
        const Part live = gather.pointers(tile_rows, run, piece.begin, pointers);
        const std::int64_t first = passes.first_k(pass) + (live.begin - run.begin) * piece.size();
        kTiles[static_cast<std::size_t>(tile_rows.size() - 1)](pointers, live.size(), piece.size(),
                                                               columns + first, k, sums, pass > 0);
      }
      gather.pixels(tile_rows, pixel);
      for (std::int64_t i = 0; i < tile_rows.size(); ++i)
        finish(epilogue, load_part(sums + i * Cols, Cols), 0, Cols, pixel[i], output);
    }
  };
  host.parallel(tasks, task);
}

}  // namespace dot

// As gemm_by_rows, for cols <= kFewCols.
template <class Gather>
void gemm_dot(const Gather& gather, std::int64_t rows, Segments segments, const RightFactor& b,
              std::int64_t cols, const Output& output, const Epilogue& epilogue, Host& host) {
  if (rows == 0 || cols == 0) return;
  const std::int64_t k = b.k();
  auto* columns = static_cast<float*>(host.scratch(static_cast<std::size_t>(cols * k) * 4));
  for (std::int64_t t = 0; t < b.taps; ++t) {
    const float* from = b.base + (b.offsets ? b.offsets[t] : 0);
    for (std::int64_t j = 0; j < cols; ++j)
      for (std::int64_t c = 0; c < b.depth; ++c)
        columns[j * k + t * b.depth + c] = from[c * b.k_stride + j * b.col_stride];
  }
  switch (cols) {
    case 1:
      return dot::gemm<1>(gather, rows, segments, columns, output, epilogue, host);
    case 2:
      return dot::gemm<2>(gather, rows, segments, columns, output, epilogue, host);
    case 3:
      return dot::gemm<3>(gather, rows, segments, columns, output, epilogue, host);
    case 4:
      return dot::gemm<4>(gather, rows, segments, columns, output, epilogue, host);
    default:
      fail("gemm_dot cannot make ", cols, " columns");
  }
}

}  // namespace rareface::cpu
