// Matrix products C[rows x cols] = A * B whose A comes by columns, each contiguous: a convolution's
// filter gradient (a column is one pixel's channels, K runs over the pixels) and A^T * B.
#pragma once

#include "gemm.h"

namespace rareface::cpu {

namespace columns {

constexpr std::int64_t kTasks = 24;   // wanted, for balance
constexpr std::int64_t kDepth = 256;  // of K in one pass: a panel of B of 32 KB in AVX-512
constexpr std::int64_t kTileSize = kTileRows * kTileCols;

// Units (segment x column block) and splits of K. Sums of splits are added in order afterwards.
struct Plan {
  std::int64_t tiles, panels, blocks, splits;

  Plan(std::int64_t k, Segments s, std::int64_t cols)
      : tiles(ceil_div(s.length, kTileRows)), panels(ceil_div(cols, kTileCols)) {
    const std::int64_t total_tiles = std::max<std::int64_t>(1, s.count * tiles * panels);
    // A small C is kept per split, so that each part of A and B is fetched once.
    splits = total_tiles <= 128 ? std::clamp<std::int64_t>(k / (2 * kDepth), 1, 16) : 1;
    const std::int64_t wanted = ceil_div(kTasks, std::max<std::int64_t>(1, s.count * splits));
    blocks = std::clamp<std::int64_t>(wanted, 1, panels);
    while (panels % blocks != 0) ++blocks;  // of the same size
  }
};

}  // namespace columns

// A has segments.count blocks of segments.length rows. A gather has
//   std::int64_t columns(Part k, std::int64_t segment, Column* table) const
//     the columns of the segment's block in that part of K, without those that are zero; returns
//     how many.
// Row r of C goes to the output's pixel r.
template <class Operand = Float32, class Gather>
void gemm_by_columns(const Gather& gather, std::int64_t k, Segments segments, const RightFactor& b,
                     std::int64_t cols, const Output& output, const Epilogue& epilogue,
                     Host& host) {
  using columns::kDepth;
  using columns::kTileSize;
  if (segments.count == 0 || segments.length == 0 || cols == 0) return;
  const columns::Plan plan(k, segments, cols);
  const Panel lies = std::is_same_v<Operand, Float32> ? b.lines(cols) : nullptr;
  const float* packed = lies.data ? nullptr : pack_panels<Operand>(b, cols, host);
  // Tiles then are parts of the output.
  const bool in_place = plan.splits == 1 && cols % kTileCols == 0 && epilogue.plain();
  const std::int64_t split_size = segments.count * plan.panels * plan.tiles * kTileSize;
  // Sums that are not done in one go rest here.
  float* sums = in_place || (plan.splits == 1 && k <= kDepth)
                    ? nullptr
                    : static_cast<float*>(host.scratch(
                          static_cast<std::size_t>(plan.splits * split_size) * sizeof(float)));
  const auto tile_at = [&](std::int64_t split, std::int64_t s, std::int64_t p, std::int64_t t) {
    return sums + split * split_size + ((s * plan.panels + p) * plan.tiles + t) * kTileSize;
  };
  // Adds up the splits of one tile and writes it.
  const auto write = [&](std::int64_t s, std::int64_t p, std::int64_t t, const float* tile) {
    const Part rows = part_of(segments.length, plan.tiles, t);
    const std::int64_t width = std::min<std::int64_t>(kTileCols, cols - p * kTileCols);
    for (std::int64_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t j = 0; j < width; j += kLanes) {
        Vec v = load(tile + i * kTileCols + j);
        for (std::int64_t split = 1; split < plan.splits; ++split)
          v += load(tile_at(split, s, p, t) + i * kTileCols + j);
        finish(epilogue, v, p * kTileCols + j, std::min<std::int64_t>(kLanes, width - j),
               s * segments.length + rows.begin + i, output);
      }
    }
  };
  auto task = [&](std::int64_t index) {
    const Part block = part_of(plan.panels, plan.blocks, index % plan.blocks);
    const std::int64_t s = index / plan.blocks % segments.count;
    const std::int64_t split = index / plan.blocks / segments.count;
    const Part all = part_of(k, plan.splits, split);
    const std::int64_t passes = std::max<std::int64_t>(1, ceil_div(all.size(), kDepth));
    Column table[kDepth];
    alignas(64) float own[kTileSize];
    for (std::int64_t pass = 0; pass < passes; ++pass) {
      const Part part = part_of(all.size(), passes, pass);
      const std::int64_t count =
          gather.columns({all.begin + part.begin, all.begin + part.end}, s, table);
      for (std::int64_t t = 0; t < plan.tiles; ++t) {
        const Part rows = part_of(segments.length, plan.tiles, t);
        for (std::int64_t p = block.begin; p < block.end; ++p) {
          const Panel panel = lies.data ? Panel(lies.data + p * kTileCols, lies.stride)
                                        : packed + p * k * kTileCols;
          const Tile tile =
              in_place ? Tile(output.data + (s * segments.length + rows.begin) * output.stride +
                                  p * kTileCols,
                              output.stride)
              : sums   ? tile_at(split, s, p, t)
                       : own;
          tile_by_columns<Operand>(rows.size(), cols - p * kTileCols,
                                   panel.stride == kTileCols && tile.stride == kTileCols)(
              table, count, rows.begin, panel, tile, pass > 0);
          if (plan.splits == 1 && pass + 1 == passes && !in_place) write(s, p, t, tile.data);
        }
      }
    }
  };
  host.parallel(plan.splits * segments.count * plan.blocks, task);
  if (plan.splits == 1) return;
  auto reduce = [&](std::int64_t index) {
    for (std::int64_t t = 0; t < plan.tiles; ++t)
      write(index / plan.panels, index % plan.panels, t,
            tile_at(0, index / plan.panels, index % plan.panels, t));
  };
  host.parallel(segments.count * plan.panels, reduce);
}

}  // namespace rareface::cpu
