// The innermost loops of every matrix product: a tile of the result held in registers.
//
// A tile is up to kTileRows x (kTileVectors * kLanes) sums. One factor is broadcast element by
// element (see operand.h), the other is read a vector at a time, so that each step of K costs one
// load per row and one per vector for rows * vectors multiply-adds.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "operand.h"

namespace rareface::cpu {

#if defined(__AVX512F__)
constexpr int kTileRows = 14;  // 28 sums, 2 columns, 1 broadcast of 32 registers
#else
constexpr int kTileRows = 6;  // 12 sums, 2 columns, 1 broadcast of 16 registers
#endif
constexpr int kTileVectors = 2;
constexpr int kTileCols = kTileVectors * kLanes;

// So few columns that a tile of them would be mostly empty: see gemm_dot.h.
constexpr std::int64_t kFewCols = 4;

// One step of K for by_columns: where the left factor's column starts, and the row of the right
// one.
struct Column {
  const float* a;
  std::int64_t b;
};

// Rows of kTileCols floats, `stride` floats apart: of the right factor, and of sums.
struct Panel {
  const float* data;
  std::int64_t stride;
  Panel(const float* of, std::int64_t apart = kTileCols) : data(of), stride(apart) {}
};
struct Tile {
  float* data;
  std::int64_t stride;
  Tile(float* of, std::int64_t apart = kTileCols) : data(of), stride(apart) {}
};

// Add a product to a tile in memory, or start it; see by_rows and by_columns.
using RowsFunction = void (*)(const float* const* table, std::int64_t segments, std::int64_t length,
                              Panel panel, float* tile, bool add);
using ColumnsFunction = void (*)(const Column* columns, std::int64_t count, std::int64_t skip,
                                 Panel panel, Tile tile, bool add);
// Add a product to rows of sums, see by_taps.
using TapsFunction = void (*)(const Column* rows, std::int64_t skip, std::int64_t length,
                              Panel panel, std::int64_t first, float* sums, Panel ahead);

namespace tile {

template <int Rows, int Vectors>
struct Sums {
  Vec v[Rows][Vectors];

  void begin(Tile tile, bool add) {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j)
        v[i][j] = add ? load(tile.data + i * tile.stride + j * kLanes) : Vec{};
  }
  void end(Tile tile) const {
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) store(tile.data + i * tile.stride + j * kLanes, v[i][j]);
  }
};

// tile[i][j] (+)= sum over s, c of table[s * kTileRows + i][c] * panel[s * length + c][j]: row i of
// the left factor is the chain of its segments.
template <class Operand, int Rows, int Vectors, bool Dense>
void by_rows(const float* const* table, std::int64_t segments, std::int64_t length, Panel panel,
             float* tile, bool add) {
  Sums<Rows, Vectors> sums;
  sums.begin(tile, add);
  for (std::int64_t s = 0; s < segments; ++s) {
    const float* a[Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) a[i] = table[s * kTileRows + i];
    for (std::int64_t c = 0; c < length; ++c, panel.data += Dense ? kTileCols : panel.stride) {
      Vec columns[Vectors];
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) columns[j] = load(panel.data + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        const Vec x = Operand::broadcast(a[i] + c);
#pragma GCC unroll 4
        for (int j = 0; j < Vectors; ++j)
          sums.v[i][j] = Operand::add_product(sums.v[i][j], x, columns[j]);
      }
    }
  }
  sums.end(tile);
}

// tile[i][j] (+)= sum over the columns of column.a[skip + i] * panel[column.b][j].
template <class Operand, int Rows, int Vectors, bool Dense>
void by_columns(const Column* columns, std::int64_t count, std::int64_t skip, Panel panel,
                Tile tile, bool add) {
  if (Dense) panel.stride = tile.stride = kTileCols;
  Sums<Rows, Vectors> sums;
  sums.begin(tile, add);
  for (std::int64_t k = 0; k < count; ++k) {
    const float* a = columns[k].a + skip;
    const float* b = panel.data + columns[k].b * panel.stride;
    Vec row[Vectors];
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) row[j] = load(b + j * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec x = Operand::broadcast(a + i);
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j)
        sums.v[i][j] = Operand::add_product(sums.v[i][j], x, row[j]);
    }
  }
  sums.end(tile);
}

// sums[row.b - first][j] += sum over c of row.a[skip + c] * panel[c][j] for each of the rows, while
// the panel `ahead` is fetched. length > 0.
template <class Operand, int Rows, int Vectors>
void by_taps(const Column* rows, std::int64_t skip, std::int64_t length, Panel panel,
             std::int64_t first, float* sums, Panel ahead) {
  constexpr int kCacheLine = 16;  // floats
  Vec v[Rows][Vectors];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j)
      v[i][j] = load(sums + (rows[i].b - first) * kTileCols + j * kLanes);
  const float* a[Rows];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) a[i] = rows[i].a + skip;
  std::int64_t c = 0;
  do {
    Vec columns[Vectors];
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j) columns[j] = load(panel.data + j * kLanes);
#pragma GCC unroll 4
    for (int j = 0; j < kTileCols; j += kCacheLine) __builtin_prefetch(ahead.data + j, 0, 2);
    panel.data += panel.stride;
    ahead.data += ahead.stride;
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
      const Vec x = Operand::broadcast(a[i] + c);
#pragma GCC unroll 4
      for (int j = 0; j < Vectors; ++j) v[i][j] = Operand::add_product(v[i][j], x, columns[j]);
    }
  } while (++c < length);
  asm("" : "+r"(rows));  // or where the sums lie would take the registers of the loop
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i)
#pragma GCC unroll 4
    for (int j = 0; j < Vectors; ++j)
      store(sums + (rows[i].b - first) * kTileCols + j * kLanes, v[i][j]);
}

template <class Operand, int Vectors, int... R>
constexpr std::array<TapsFunction, sizeof...(R)> taps_table(std::integer_sequence<int, R...>) {
  return {&by_taps<Operand, R + 1, Vectors>...};
}
template <class Operand, int Vectors, bool Dense, int... R>
constexpr std::array<RowsFunction, sizeof...(R)> rows_table(std::integer_sequence<int, R...>) {
  return {&by_rows<Operand, R + 1, Vectors, Dense>...};
}
template <class Operand, int Vectors, bool Dense, int... R>
constexpr std::array<ColumnsFunction, sizeof...(R)> columns_table(
    std::integer_sequence<int, R...>) {
  return {&by_columns<Operand, R + 1, Vectors, Dense>...};
}

using Counts = std::make_integer_sequence<int, kTileRows>;

}  // namespace tile

// The function for a tile of this many rows and columns; columns beyond are computed and unused.
// `dense`: panel and tile have the stride of kTileCols, which saves the innermost loop a register.
template <class Operand = Float32>
RowsFunction tile_by_rows(std::int64_t rows, std::int64_t cols, bool dense = true) {
  static constexpr std::array<RowsFunction, kTileRows> kTables[2][2] = {
      {tile::rows_table<Operand, 1, false>(tile::Counts{}),
       tile::rows_table<Operand, 2, false>(tile::Counts{})},
      {tile::rows_table<Operand, 1, true>(tile::Counts{}),
       tile::rows_table<Operand, 2, true>(tile::Counts{})}};
  return kTables[dense][cols > kLanes][static_cast<std::size_t>(rows - 1)];
}
template <class Operand = Float32>
ColumnsFunction tile_by_columns(std::int64_t rows, std::int64_t cols, bool dense = true) {
  static constexpr std::array<ColumnsFunction, kTileRows> kTables[2][2] = {
      {tile::columns_table<Operand, 1, false>(tile::Counts{}),
       tile::columns_table<Operand, 2, false>(tile::Counts{})},
      {tile::columns_table<Operand, 1, true>(tile::Counts{}),
       tile::columns_table<Operand, 2, true>(tile::Counts{})}};
  return kTables[dense][cols > kLanes][static_cast<std::size_t>(rows - 1)];
}
template <class Operand = Float32>
TapsFunction tile_by_taps(std::int64_t rows, std::int64_t cols) {
  static constexpr std::array<TapsFunction, kTileRows> kTables[] = {
      tile::taps_table<Operand, 1>(tile::Counts{}), tile::taps_table<Operand, 2>(tile::Counts{})};
  return kTables[cols > kLanes][static_cast<std::size_t>(rows - 1)];
}

}  // namespace rareface::cpu
