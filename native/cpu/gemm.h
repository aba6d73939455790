// Matrix products C[rows x cols] = epilogue(A[rows x K] * B[K x cols]), blocked for the caches.
//
// A is never copied. Its rows are chains of equal segments that a "gather" finds: for a convolution
// a row is an output pixel and a segment one filter position's channels, read where they lie in the
// NHWC input (implicit GEMM). B is packed into panels of one tile's width. A panel stays in L2
// while the rows stream by; a row's segments stay in L1 while the panels do.
//
// Every sum is formed in one fixed order, so how the work is shared out never shows in the result.
#pragma once

#include <algorithm>
#include <cstdint>

#include "blocks.h"
#include "epilogue.h"
#include "gemm_tile.h"
#include "workers.h"

namespace rareface::cpu {

// The i-th of `parts` nearly equal parts of 0..total.
struct Part {
  std::int64_t begin, end;
  std::int64_t size() const { return end - begin; }
};
constexpr Part part_of(std::int64_t total, std::int64_t parts, std::int64_t i) {
  return {total * i / parts, total * (i + 1) / parts};
}

// The right factor: `taps` blocks of `depth` rows, block t at base + offsets[t] (or base where
// there are no offsets). Element (k, j) of a block lies at k * k_stride + j * col_stride, and one
// of the two strides is 1.
struct RightFactor {
  const float* base = nullptr;
  const std::int64_t* offsets = nullptr;
  std::int64_t taps = 1;
  std::int64_t depth = 0;
  std::int64_t k_stride = 0;
  std::int64_t col_stride = 1;

  // Elements of K, see operand.h: each block's last may be half empty.
  template <class Operand = Float32>
  std::int64_t k() const {
    return taps * ceil_div(depth, Operand::kDepth);
  }
  // B itself where tiles can read it as it lies, else null: panel p from p * kTileCols on.
  Panel as_panels(std::int64_t cols) const;
  // The same for a part of its rows at a time, however many there are.
  Panel lines(std::int64_t cols) const;
};

// Packs rows k0..k1, counted in elements, of columns col0..col0+cols (at most kTileCols) into
// kTileCols-wide rows; the columns beyond are zero.
template <class Operand = Float32>
void pack_panel(const RightFactor& b, std::int64_t col0, std::int64_t cols, Part k, float* panel);

// Packs all of B: panel p holds its columns from p * kTileCols at panels + p * k * kTileCols.
template <class Operand = Float32>
float* pack_panels(const RightFactor& b, std::int64_t cols, Host& host);

// How the rows of A come: `segments` segments of `length` floats each. A gather has
//   Part pointers(Part rows, Part segments, std::int64_t skip, const float** table) const
//     the segments without any at either end that are zero for all these rows, and for the others
//     table[s * kTileRows + i] = the start of segment s of row i, + skip (skip < length);
//   std::int64_t line() const
//     rows that make a good tile together if that many fit: their zeros coincide; or 0
//   void pixels(Part rows, std::int64_t* pixel) const
//     pixel[i] = where row rows.begin + i of C goes, see Output
struct Segments {
  std::int64_t count = 1;
  std::int64_t length = 0;
};

namespace gemm {

constexpr std::int64_t kMaxDepth = 2560;      // of K in one pass: a panel of 320 KB in AVX-512
constexpr std::int64_t kMaxSegments = 64;     // in one pass
constexpr std::int64_t kPanelBytes = 400000;  // of B in L2
constexpr std::int64_t kTasks = 16;           // wanted, for balance
constexpr std::int64_t kMaxTiles = 16;        // of rows in a task, where there are many
constexpr std::int64_t kFewTiles = 40;        // so few that fetching B counts

// K in passes, each a run of whole segments or a part of one.
struct Passes {
  Segments segments;
  std::int64_t count, runs, pieces;

  explicit Passes(Segments s) : segments(s) {
    pieces = std::max<std::int64_t>(1, ceil_div(s.length, kMaxDepth));
    const std::int64_t fit =
        std::clamp<std::int64_t>(kMaxDepth / std::max<std::int64_t>(1, s.length), 1, kMaxSegments);
    runs = std::max<std::int64_t>(1, pieces > 1 ? s.count : ceil_div(s.count, fit));
    count = runs * pieces;
  }
  Part run(std::int64_t pass) const { return part_of(segments.count, runs, pass / pieces); }
  Part piece(std::int64_t pass) const { return part_of(segments.length, pieces, pass % pieces); }
  // Of K in one pass, at the most.
  std::int64_t most_k() const {
    return ceil_div(segments.count, runs) * ceil_div(segments.length, pieces);
  }
  std::int64_t first_k(std::int64_t pass) const {
    return run(pass).begin * segments.length + piece(pass).begin;
  }
};

// How rows and columns are shared out: tasks = row chunks x column blocks.
struct Plan {
  std::int64_t tiles, panels, chunks, blocks;

  Plan(std::int64_t rows, std::int64_t cols, std::int64_t depth, std::int64_t line)
      : tiles(ceil_div(rows, kTileRows)), panels(ceil_div(cols, kTileCols)) {
    if (line <= kTileRows && line * 5 >= kTileRows * 4) tiles = rows / line;
    const std::int64_t panel_bytes =
        std::max<std::int64_t>(1, std::min(depth, kMaxDepth)) * kTileCols * 4;
    blocks = ceil_div(panels, std::max<std::int64_t>(1, kPanelBytes / panel_bytes));
    if (tiles > kFewTiles) {
      blocks = std::max(blocks, std::min(panels, ceil_div(kTasks, tiles / 2)));
      chunks = std::max(ceil_div(kTasks, blocks), ceil_div(tiles, kMaxTiles));
      return;
    }
    blocks = std::max(blocks, std::min(panels, kTasks));
    chunks = 1;
    if (blocks >= kTasks || (blocks >= kTasks / 2 && blocks % 2 == 0)) return;
    // As many tiles as gives each of two or four threads the same, if there are rows to fill them.
    const std::int64_t even = tiles > 4 ? ceil_div(tiles, 4) * 4 : ceil_div(tiles, 2) * 2;
    if (even * kTileRows * 4 <= rows * 5) tiles = even;
    chunks = std::clamp<std::int64_t>(ceil_div(kTasks, blocks), 1, tiles);
  }
  // One task for each part of B: it packs what it needs, and finds it in its cache.
  bool pack_in_task() const { return chunks == 1; }
};

}  // namespace gemm

// C = epilogue(A * B), see the top of the file. The gather's rows are elements as well:
// segments.count * segments.length == b.k<Operand>().
template <class Operand = Float32, class Gather>
void gemm_by_rows(const Gather& gather, std::int64_t rows, Segments segments, const RightFactor& b,
                  std::int64_t cols, const Output& output, const Epilogue& epilogue, Host& host) {
  if (rows == 0 || cols == 0) return;
  const std::int64_t k = b.k<Operand>();
  const gemm::Plan plan(rows, cols, k, gather.line());
  const gemm::Passes passes(segments);
  const Panel lies = std::is_same_v<Operand, Float32> ? b.as_panels(cols) : nullptr;
  const bool pack_in_task = !lies.data && plan.pack_in_task();
  const float* packed = lies.data || pack_in_task ? nullptr : pack_panels<Operand>(b, cols, host);
  Workers workers(
      host, pack_in_task ? ceil_div(plan.panels, plan.blocks) * passes.most_k() * kTileCols : 0);
  // The sums of a K of several passes rest here in between, one tile after the other.
  constexpr std::int64_t kTileSize = kTileRows * kTileCols;
  float* sums = passes.count == 1 ? nullptr
                                  : static_cast<float*>(host.scratch(static_cast<std::size_t>(
                                        plan.tiles * plan.panels * kTileSize * 4)));
  auto task = [&](std::int64_t index, float* own_panels) {
    const Part block = part_of(plan.panels, plan.blocks, index / plan.chunks);
    const Part chunk = part_of(plan.tiles, plan.chunks, index % plan.chunks);
    const float* table[gemm::kMaxSegments * kTileRows];
    alignas(64) float own[kTileSize];
    std::int64_t pixel[kTileRows];
    for (std::int64_t pass = 0; pass < passes.count; ++pass) {
      const Part run = passes.run(pass);
      const Part piece = passes.piece(pass);
      const std::int64_t k0 = passes.first_k(pass);
      const std::int64_t depth = run.size() * piece.size();
      const bool last = pass + 1 == passes.count;
      if (pack_in_task)
        for (std::int64_t p = block.begin; p < block.end; ++p)
          pack_panel<Operand>(b, p * kTileCols,
                              std::min<std::int64_t>(kTileCols, cols - p * kTileCols),
                              {k0, k0 + depth}, own_panels + (p - block.begin) * depth * kTileCols);
      for (std::int64_t t = chunk.begin; t < chunk.end; ++t) {
        const Part tile_rows = part_of(rows, plan.tiles, t);
        const Part live = gather.pointers(tile_rows, run, piece.begin, table);
        const std::int64_t skipped = (live.begin - run.begin) * piece.size();
        if (last) gather.pixels(tile_rows, pixel);
        for (std::int64_t p = block.begin; p < block.end; ++p) {
          const std::int64_t col0 = p * kTileCols;
          const std::int64_t width = std::min<std::int64_t>(kTileCols, cols - col0);
          Panel panel = lies.data      ? Panel(lies.data + k0 * lies.stride + col0, lies.stride)
                        : pack_in_task ? own_panels + (p - block.begin) * depth * kTileCols
                                       : packed + (p * k + k0) * kTileCols;
          panel.data += skipped * panel.stride;
          float* tile = sums ? sums + (t * plan.panels + p) * kTileSize : own;
          tile_by_rows<Operand>(tile_rows.size(), width, panel.stride == kTileCols)(
              table, live.size(), piece.size(), panel, tile, pass > 0);
          if (!last) continue;
          for (std::int64_t i = 0; i < tile_rows.size(); ++i)
            for (std::int64_t j = 0; j < width; j += kLanes)
              finish(epilogue, load(tile + i * kTileCols + j), col0 + j,
                     std::min<std::int64_t>(kLanes, width - j), pixel[i], output);
        }
      }
    }
  };
  workers.run(plan.blocks * plan.chunks, task);
}

}  // namespace rareface::cpu
