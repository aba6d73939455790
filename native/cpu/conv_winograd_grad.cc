#include "conv_winograd.h"
#include "winograd_tiles.h"
#include "workers.h"

namespace rareface::cpu {
namespace {

using winograd_tiles::Points;
using winograd_tiles::Tiles;

constexpr std::int64_t kL2 = 400000;    // bytes of one panel's output gradient that stay in L2
constexpr std::int64_t kL3 = 8000000;   // bytes of transformed tiles at a time
constexpr std::int64_t kRowTasks = 16;  // wanted, for balance

// The gradient at one point is tiles(x)^T * tiles(dy). A block of tiles is transformed; then
// either a task makes all points of some rows (input channels) and columns (output channels) and
// transforms them back at once, or, where the tiles are so many that one would fetch them again and
// again, a task makes one point of all of them, and a third pass transforms back.
template <int M, class Operand>
class Gradient {
  using W = Winograd<M>;

 public:
  Gradient(const ConvShape& s, const Image& x, const Image& dy, float* dfilter, bool accumulate,
           Host& host)
      : in_(s.in_channels),
        out_(s.out_channels),
        dfilter_(dfilter),
        accumulate_(accumulate),
        host_(host),
        x_tiles_(x, s.out_height, s.out_width, s.pad_top, s.pad_left, host),
        dy_tiles_(dy, s.out_height, s.out_width, 0, 0, host),
        panels_(ceil_div(out_, kTileCols)),
        groups_(ceil_div(in_, kTileRows)) {
    const std::int64_t tiles = elements();
    by_point_ = W::kPoints * tiles * kTileCols * 4 > kL2;
    const std::int64_t bytes =
        W::kPoints * tiles * (round_up(in_, kLanes) + panels_ * kTileCols) * 4;
    blocks_ = by_point_ ? ceil_div(bytes, kL3) : 1;
    const std::int64_t most = ceil_div(tiles, blocks_);
    x_ = Points(W::kPoints, most, in_);
    x_.data = take(x_.size());
    dy_ = Points(W::kPoints, most, kTileCols);
    dy_.data = take(panels_ * dy_.size());
    sums_ = by_point_ ? Points(W::kPoints, panels_ * in_, kTileCols)
                      : Points(W::kPoints, kTileRows, kTileCols);
    if (by_point_) sums_.data = take(sums_.size());
  }

  void run() {
    for (std::int64_t block = 0; block < blocks_; ++block) {
      const Part range = part_of(elements(), blocks_, block);
      transform_tiles(range);
      if (by_point_)
        multiply_by_point(range.size(), block > 0);
      else
        multiply_by_rows(range.size());
    }
    if (by_point_) {
      auto task = [&](std::int64_t index) {
        const std::int64_t panel = index / groups_;
        const Part rows = part_of(in_, groups_, index % groups_);
        write(rows, panel, sums_.from(panel * in_ + rows.begin, 0));
      };
      host_.parallel(panels_ * groups_, task);
    }
  }

 private:
  float* take(std::int64_t floats) {
    return static_cast<float*>(host_.scratch(static_cast<std::size_t>(floats) * sizeof(float)));
  }
  // Of all tiles, which are K here.
  std::int64_t elements() const { return ceil_div(x_tiles_.count(), Operand::kDepth); }
  std::int64_t cols_of(std::int64_t panel) const {
    return std::min<std::int64_t>(kTileCols, out_ - panel * kTileCols);
  }
  Points dy_panel(std::int64_t panel) const {
    Points points = dy_;
    points.data += panel * dy_.size();
    return points;
  }

  void transform_tiles(Part range) const {
    constexpr std::int64_t kTiles = 12, kChannels = 64;  // in one task
    const std::int64_t parts = ceil_div(range.size(), kTiles);
    const std::int64_t x_tasks = ceil_div(in_, kChannels) * parts;
    auto task = [&](std::int64_t index) {
      const Part part = part_of(range.size(), parts, index % parts);
      const Part tiles{range.begin + part.begin, range.begin + part.end};
      if (index < x_tasks) {
        const std::int64_t c = index / parts * kChannels;
        x_tiles_.template transform_across<typename W::Input, Operand>(
            tiles, {c, std::min(in_, c + kChannels)}, x_.from(part.begin, c));
      } else {
        const std::int64_t panel = (index - x_tasks) / parts;
        const std::int64_t c = panel * kTileCols;
        dy_tiles_.template transform_across<typename W::OutputGrad, Operand>(
            tiles, {c, c + cols_of(panel)}, dy_panel(panel).from(part.begin, 0));
      }
    };
    host_.parallel(x_tasks + panels_ * parts, task);
  }

  // sums = (+=) the product of `rows` and of one panel's columns at one point.
  void multiply(const Column* columns, std::int64_t tiles, std::int64_t point, Part rows,
                std::int64_t panel, float* sums, bool add) const {
    tile_by_columns<Operand>(rows.size(), cols_of(panel))(
        columns, tiles, point * x_.point + rows.begin, dy_panel(panel).data + point * dy_.point,
        sums, add);
  }

  std::vector<Column> columns(std::int64_t tiles) const {
    std::vector<Column> columns;
    for (std::int64_t t = 0; t < tiles; ++t) columns.push_back({x_.data + t * x_.stride, t});
    return columns;
  }

  void multiply_by_rows(std::int64_t tiles) const {
    const auto table = columns(tiles);
    const std::int64_t chunks =
        std::min(groups_, std::max<std::int64_t>(1, ceil_div(kRowTasks, panels_)));
    Workers workers(host_, sums_.size());
    auto task = [&](std::int64_t index, float* memory) {
      const std::int64_t panel = index / chunks;
      const Part groups = part_of(groups_, chunks, index % chunks);
      Points own = sums_;
      own.data = memory;
      for (std::int64_t g = groups.begin; g < groups.end; ++g) {
        const Part rows = part_of(in_, groups_, g);
        for (std::int64_t point = 0; point < W::kPoints; ++point)
          multiply(table.data(), tiles, point, rows, panel, own.data + point * own.point, false);
        write(rows, panel, own);
      }
    };
    workers.run(panels_ * chunks, task);
  }

  void multiply_by_point(std::int64_t tiles, bool add) const {
    const auto table = columns(tiles);
    auto task = [&](std::int64_t point) {
      for (std::int64_t panel = 0; panel < panels_; ++panel)
        for (std::int64_t g = 0; g < groups_; ++g) {
          const Part rows = part_of(in_, groups_, g);
          multiply(table.data(), tiles, point, rows, panel,
                   sums_.data + point * sums_.point + (panel * in_ + rows.begin) * kTileCols, add);
        }
    };
    host_.parallel(W::kPoints, task);
  }

  // Transforms the sums of some rows and of one panel's columns back.
  void write(Part rows, std::int64_t panel, const Points& sums) const {
    const std::int64_t cols = cols_of(panel);
    for (std::int64_t i = 0; i < rows.size(); ++i)
      for (std::int64_t j = 0; j < cols; j += kLanes) {
        const float* from = sums.data + i * kTileCols + j;
        float* to = dfilter_ + (rows.begin + i) * out_ + panel * kTileCols + j;
        const std::int64_t width = std::min<std::int64_t>(kLanes, cols - j);
        transform_square<typename W::FilterGrad>(
            [&](int y, int x) __attribute__((always_inline)) {
              return load(from + (y * W::kTile + x) * sums.point);
            },
            [&](int y, int x, Vec v) __attribute__((always_inline)) {
              float* out = to + (y * 3 + x) * in_ * out_;
              if (width == kLanes)
                store(out, accumulate_ ? v + load(out) : v);
              else
                store_part(out, accumulate_ ? v + load_part(out, width) : v, width);
            });
      }
  }

  const std::int64_t in_, out_;
  float* dfilter_;
  const bool accumulate_;
  Host& host_;
  const Tiles<M> x_tiles_, dy_tiles_;
  const std::int64_t panels_, groups_;
  bool by_point_;
  std::int64_t blocks_;
  Points x_, dy_, sums_;
};

}  // namespace

template <class Operand>
void winograd_filter_grad(std::int64_t tile, const ConvShape& s, const float* x,
                          std::int64_t x_stride, const float* dy, std::int64_t dy_stride,
                          float* dfilter, bool accumulate, Host& host) {
  const Image in{x, s.batch, s.in_height, s.in_width, s.in_channels, x_stride};
  const Image out{dy, s.batch, s.out_height, s.out_width, s.out_channels, dy_stride};
  switch (tile) {
    case 2:
      return Gradient<2, Operand>(s, in, out, dfilter, accumulate, host).run();
    case 3:
      return Gradient<3, Operand>(s, in, out, dfilter, accumulate, host).run();
    case 4:
      return Gradient<4, Operand>(s, in, out, dfilter, accumulate, host).run();
    default:
      fail("winograd_filter_grad has no tile of ", tile);
  }
}

template void winograd_filter_grad<Float32>(std::int64_t, const ConvShape&, const float*,
                                            std::int64_t, const float*, std::int64_t, float*, bool,
                                            Host&);
template void winograd_filter_grad<Bfloat16>(std::int64_t, const ConvShape&, const float*,
                                             std::int64_t, const float*, std::int64_t, float*, bool,
                                             Host&);

}  // namespace rareface::cpu
