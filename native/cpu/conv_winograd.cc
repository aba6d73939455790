#include "conv_winograd.h"

#include "winograd_tiles.h"
#include "workers.h"

namespace rareface::cpu {
namespace {

using winograd_tiles::Points;
using winograd_tiles::store_across;
using winograd_tiles::Tiles;

constexpr std::int64_t kL2 = 300000;           // bytes of one of the factors that stay in L2
constexpr std::int64_t kTasks = 8;             // wanted, for balance
constexpr std::int64_t kMinSplit = 32;         // channels of a split
constexpr std::int64_t kMaxTiles = 80;         // in a task that transforms its own filters
constexpr std::int64_t kMaxFilters = 5000000;  // bytes of transformed filters that tasks share

// How the work is shared out: a task = a block of tiles x a block of panels (of kTileCols output
// channels) x a split of the input channels. Shared factors are transformed beforehand, the others
// by the task itself, where it needs them. Input channels are counted in elements (see operand.h).
struct Plan {
  std::int64_t panels = 1;
  std::int64_t tile_blocks = 1, panel_blocks = 1, splits = 1;
  bool share_tiles = false, share_filters = false;
  std::int64_t depth = 1;  // of the filters transformed at once

  Plan(std::int64_t points, std::int64_t tiles, std::int64_t channels, std::int64_t cols)
      : panels(ceil_div(cols, kTileCols)) {
    const std::int64_t tile_bytes = points * round_up(channels, kLanes) * 4;
    const std::int64_t filter_bytes = points * channels * panels * kTileCols * 4;
    // The tiles a task keeps in L2 while all filters pass by.
    const std::int64_t fit = kL2 / tile_bytes;
    if (filter_bytes <= kMaxFilters && fit >= kTileRows && tiles >= 2 * kTileRows) {
      const std::int64_t most = fit / kTileRows * kTileRows;
      tile_blocks = std::max(ceil_div(tiles, most),
                             std::min<std::int64_t>(kTasks / 2, ceil_div(tiles, kTileRows)));
      tile_blocks = round_up(tile_blocks, 2);
      share_filters = true;
      depth = channels;
      return;
    }
    tile_blocks = ceil_div(tiles, kMaxTiles);
    panel_blocks = panels;
    splits = std::clamp<std::int64_t>(ceil_div(kTasks, tile_blocks * panel_blocks), 1,
                                      std::max<std::int64_t>(1, channels / kMinSplit));
    share_tiles = panels > 1;
    const std::int64_t most = std::max<std::int64_t>(1, kL2 / (points * kTileCols * 4));
    depth = ceil_div(ceil_div(channels, splits), ceil_div(ceil_div(channels, splits), most));
  }
};

template <int M, class Operand>
class Product {
  using W = Winograd<M>;

 public:
  Product(const Correlation& c, const rareface::cpu::Output& output, const Epilogue& epilogue,
          Host& host)
      : c_(c),
        output_(output),
        epilogue_(epilogue),
        host_(host),
        tiles_(c.source, c.out_height, c.out_width, c.pad_top, c.pad_left, host),
        depth_(ceil_div(c.source.channels, Operand::kDepth)),
        plan_(W::kPoints, tiles_.count(), depth_, c.out_channels) {
    for (int t = 0; t < 9; ++t)
      taps_[t] = (c.flipped ? 8 - t : t) * c.source.channels * c.out_channels;
  }

  void run() {
    const std::int64_t most_tiles = ceil_div(tiles_.count(), plan_.tile_blocks);
    const Points tiles(W::kPoints, most_tiles, ceil_div(depth_, plan_.splits));
    const Points filters(W::kPoints, plan_.depth, kTileCols);
    const Points sums(W::kPoints, most_tiles, kTileCols);
    if (plan_.share_tiles || plan_.share_filters) share();
    float* split_sums = nullptr;
    const std::int64_t outputs = plan_.tile_blocks * plan_.panels;
    if (plan_.splits > 1) split_sums = take(outputs * plan_.splits * sums.size());
    Workers workers(host_, (plan_.share_tiles ? 0 : tiles.size()) +
                               (plan_.share_filters ? 0 : filters.size()) +
                               (split_sums ? 0 : sums.size()));
    auto task = [&](std::int64_t index, float* memory) {
      const Part panels = part_of(plan_.panels, plan_.panel_blocks, index % plan_.panel_blocks);
      const std::int64_t split = index / plan_.panel_blocks % plan_.splits;
      const Part depth = part_of(depth_, plan_.splits, split);
      const std::int64_t block = index / plan_.panel_blocks / plan_.splits;
      const Part range = part_of(tiles_.count(), plan_.tile_blocks, block);
      Points own_tiles = tiles, own_filters = filters, own_sums = sums;
      if (plan_.share_tiles) {
        own_tiles = tiles_shared_.from(range.begin, depth.begin);
      } else {
        own_tiles.data = memory;
        memory += tiles.size();
        tiles_.template transform_along<typename W::Input, Operand>(range, channels_of(depth),
                                                                    own_tiles);
      }
      if (!plan_.share_filters) {
        own_filters.data = memory;
        memory += filters.size();
      }
      if (!split_sums) own_sums.data = memory;
      const std::int64_t passes = ceil_div(depth.size(), plan_.depth);
      for (std::int64_t p = panels.begin; p < panels.end; ++p) {
        if (split_sums)
          own_sums.data =
              split_sums + ((block * plan_.panels + p) * plan_.splits + split) * sums.size();
        for (std::int64_t pass = 0; pass < passes; ++pass) {
          const Part part = part_of(depth.size(), passes, pass);
          if (plan_.share_filters)
            own_filters.data = filters_shared_ + p * filters.size();
          else
            transform_filters(p, {depth.begin + part.begin, depth.begin + part.end}, own_filters,
                              0);
          multiply(own_tiles.from(0, part.begin), own_filters, range.size(), part.size(),
                   cols_of(p), own_sums, pass > 0);
        }
        if (!split_sums) write(range, {0, range.size()}, p, own_sums, 1);
      }
    };
    workers.run(plan_.tile_blocks * plan_.splits * plan_.panel_blocks, task);
    if (!split_sums) return;
    const std::int64_t rows = std::min<std::int64_t>(most_tiles, 4);
    auto finish_part = [&](std::int64_t index) {
      const std::int64_t output = index / rows;
      const Part range = part_of(tiles_.count(), plan_.tile_blocks, output / plan_.panels);
      Points all = sums;
      all.data = split_sums + output * plan_.splits * sums.size();
      write(range, part_of(range.size(), rows, index % rows), output % plan_.panels, all,
            plan_.splits);
    };
    host_.parallel(outputs * rows, finish_part);
  }

 private:
  float* take(std::int64_t floats) {
    return static_cast<float*>(host_.scratch(static_cast<std::size_t>(floats) * sizeof(float)));
  }
  std::int64_t cols_of(std::int64_t panel) const {
    return std::min<std::int64_t>(kTileCols, c_.out_channels - panel * kTileCols);
  }

  Part channels_of(Part depth) const {
    return {depth.begin * Operand::kDepth,
            std::min(c_.source.channels, depth.end * Operand::kDepth)};
  }

  // Transforms what the tasks share.
  void share() {
    constexpr std::int64_t kDepth = 32, kFilters = 16;  // in one task
    const Points filters(W::kPoints, depth_, kTileCols);
    std::int64_t parts = 0, filter_tasks = 0;
    if (plan_.share_tiles) {
      parts = ceil_div(depth_, kDepth);
      tiles_shared_ = Points(W::kPoints, tiles_.count(), depth_);
      tiles_shared_.data = take(tiles_shared_.size());
    }
    if (plan_.share_filters) {
      filter_tasks = ceil_div(depth_, kFilters) * plan_.panels;
      filters_shared_ = take(plan_.panels * filters.size());
    }
    const std::int64_t lines = parts ? tiles_.lines() : 0;
    auto task = [&](std::int64_t index) {
      if (index < filter_tasks) {
        const std::int64_t panel = index % plan_.panels, k = index / plan_.panels * kFilters;
        Points own = filters;
        own.data = filters_shared_ + panel * filters.size();
        transform_filters(panel, {k, std::min(depth_, k + kFilters)}, own, k);
        return;
      }
      index -= filter_tasks;
      const Part depth{index % parts * kDepth, std::min(depth_, (index % parts + 1) * kDepth)};
      const Part range = part_of(tiles_.count(), lines, index / parts);
      tiles_.template transform_along<typename W::Input, Operand>(
          range, channels_of(depth), tiles_shared_.from(range.begin, depth.begin));
    };
    host_.parallel(filter_tasks + parts * lines, task);
  }

  // Filters of the input channels `k` and of one panel's output channels; element k.begin goes to
  // row `first`. Filters are large and read once: what comes next is fetched in time.
  void transform_filters(std::int64_t panel, Part k, const Points& to, std::int64_t first) const {
    const std::int64_t cols = cols_of(panel);
    const float* filter = c_.filter + panel * kTileCols * c_.col_stride;
    if (c_.col_stride == 1)
      transform_rows(filter, cols, k, to.from(first, 0));
    else
      transform_columns(filter, cols, k, to.from(first, 0));
  }

  // Transforms one element of filters for kLanes output channels: get(d, t) is
  // value d at filter position t.
  template <class Get>
  [[gnu::always_inline]] void transform_filter(float* out, std::int64_t point, Get&& get) const {
    store_across<typename W::Filter, Operand>(
        out, point, [&](int d, auto&& put) __attribute__((always_inline)) {
          transform_square<typename W::Filter>(
              [&](int y, int x) __attribute__((always_inline)) { return get(d, y * 3 + x); }, put);
        });
  }

  // Filters that are contiguous along the output channels.
  void transform_rows(const float* filter, std::int64_t cols, Part k, const Points& to) const {
    constexpr std::int64_t kAhead = 6;  // rows
    for (std::int64_t element = k.begin; element < k.end; ++element) {
      const std::int64_t row = element * Operand::kDepth;
      float* out = to.data + (element - k.begin) * to.stride;
      for (std::int64_t j = 0; j < cols; j += kLanes) {
        const float* from = filter + row * c_.k_stride + j;
        const std::int64_t width = cols - j;
        if (width >= kLanes && row + Operand::kDepth <= c_.source.channels)
          transform_filter(out + j, to.point, [&](int d, int t) __attribute__((always_inline)) {
            const float* p = from + d * c_.k_stride + taps_[t];
            __builtin_prefetch(p + kAhead * c_.k_stride);
            return load(p);
          });
        else
          transform_filter(out + j, to.point, [&](int d, int t) __attribute__((always_inline)) {
            if (row + d >= c_.source.channels) return Vec{};
            return load_some(from + d * c_.k_stride + taps_[t], width);
          });
      }
    }
  }

  // Filters that are contiguous along the input channels, a square of kLanes at a time.
  void transform_columns(const float* filter, std::int64_t cols, Part k, const Points& to) const {
    constexpr std::int64_t kElements = kLanes / Operand::kDepth;
    for (std::int64_t j = 0; j < cols; j += kLanes) {
      const std::int64_t width = cols - j;
      for (std::int64_t element = k.begin; element < k.end; element += kElements) {
        const std::int64_t row = element * Operand::kDepth;
        const std::int64_t rows = c_.source.channels - row;
        const float* from = filter + row + j * c_.col_stride;
        const std::int64_t next = element + kElements < k.end
                                      ? kLanes
                                      : kLanes * c_.col_stride + k.begin * Operand::kDepth - row;
        Vec squares[9][kLanes];
        for (int t = 0; t < 9; ++t) {
          const float* p = from + taps_[t];
          if (rows >= kLanes && width >= kLanes) {
#pragma GCC unroll 16
            for (int l = 0; l < kLanes; ++l) {
              squares[t][l] = load(p + l * c_.col_stride);
              __builtin_prefetch(p + l * c_.col_stride + next);
            }
          } else {
            for (int l = 0; l < kLanes; ++l)
              squares[t][l] = l < width ? load_some(p + l * c_.col_stride, rows) : Vec{};
          }
          transpose(squares[t]);
        }
        const std::int64_t count = std::min(kElements, k.end - element);
        for (std::int64_t l = 0; l < count; ++l)
          transform_filter(to.data + (element - k.begin + l) * to.stride + j, to.point,
                           [&](int d, int t) __attribute__((always_inline)) {
                             return squares[t][l * Operand::kDepth + d];
                           });
      }
    }
  }

  // sums (+)= tiles * filters, point by point.
  static void multiply(const Points& tiles, const Points& filters, std::int64_t rows,
                       std::int64_t depth, std::int64_t cols, const Points& sums, bool add) {
    const std::int64_t groups = ceil_div(rows, kTileRows);
    for (std::int64_t point = 0; point < W::kPoints; ++point) {
      const float* panel = filters.data + point * filters.point;
      for (std::int64_t g = 0; g < groups; ++g) {
        const Part group = part_of(rows, groups, g);
        const float* table[kTileRows] = {};
        for (std::int64_t i = group.begin; i < group.end; ++i)
          table[i - group.begin] = tiles.data + point * tiles.point + i * tiles.stride;
        tile_by_rows<Operand>(group.size(), cols)(
            table, 1, depth, panel, sums.data + point * sums.point + group.begin * kTileCols, add);
      }
    }
  }

  // Transforms the sums of the tiles range.begin + part back, adding up their splits, and writes
  // the outputs.
  void write(Part range, Part part, std::int64_t panel, const Points& sums,
             std::int64_t splits) const {
    const std::int64_t cols = cols_of(panel);
    for (std::int64_t i = part.begin; i < part.end; ++i) {
      const auto place = tiles_.place(range.begin + i);
      for (std::int64_t j = 0; j < cols; j += kLanes) {
        const float* from = sums.data + i * kTileCols + j;
        transform_square<typename W::Output>(
            [&](int y, int x) __attribute__((always_inline)) {
              const float* p = from + (y * W::kTile + x) * sums.point;
              Vec v = load(p);
              for (std::int64_t s = 1; s < splits; ++s) v += load(p + s * sums.size());
              return v;
            },
            [&](int y, int x, Vec v) __attribute__((always_inline)) {
              if (place.y + y >= c_.out_height || place.x + x >= c_.out_width) return;
              finish(epilogue_, v, panel * kTileCols + j, std::min<std::int64_t>(kLanes, cols - j),
                     (place.n * c_.out_height + place.y + y) * c_.out_width + place.x + x, output_);
            });
      }
    }
  }

  const Correlation& c_;
  const rareface::cpu::Output& output_;
  const Epilogue& epilogue_;
  Host& host_;
  const Tiles<M> tiles_;
  const std::int64_t depth_;  // elements of the input channels
  const Plan plan_;
  std::int64_t taps_[9];  // where the filter's positions begin, in the order of the transform
  Points tiles_shared_;
  float* filters_shared_ = nullptr;
};

}  // namespace

template <class Operand>
void winograd(std::int64_t tile, const Correlation& c, const Output& output,
              const Epilogue& epilogue, Host& host) {
  if (c.source.batch * c.out_height * c.out_width * c.out_channels == 0) return;
  switch (tile) {
    case 2:
      return Product<2, Operand>(c, output, epilogue, host).run();
    case 3:
      return Product<3, Operand>(c, output, epilogue, host).run();
    case 4:
      return Product<4, Operand>(c, output, epilogue, host).run();
    default:
      fail("winograd has no tile of ", tile);
  }
}

template void winograd<Float32>(std::int64_t, const Correlation&, const Output&, const Epilogue&,
                                Host&);
template void winograd<Bfloat16>(std::int64_t, const Correlation&, const Output&, const Epilogue&,
                                 Host&);

}  // namespace rareface::cpu
