#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "../arguments/call.h"
#include "product_plan.h"

namespace rareface::cuda {
namespace {

// An H100, in clock cycles of its multiprocessors. From its data sheet and from counting
// instructions, not from measurements: a wrong number makes a worse plan, never a wrong result.
constexpr double kMultiprocessors = 132;
constexpr double kStart = 1500;    // of a block: the first copies arrive from memory
constexpr double kStep = 350;      // from one kDepth of k to the next, however few products
constexpr double kMeet = 2500;     // fences and counting where blocks meet
constexpr double kMeetBytes = 40;  // of parts that a block reads back in a cycle
constexpr std::int64_t kMostSplits = 64;

// Multiply-adds that a multiprocessor makes in a cycle: mma.sync reaches about 0.6 of an H100's
// peak.
double rate(Precision precision) {
  switch (precision) {
    case Precision::float32:
      return 200;  // three of tf32
    case Precision::tf32:
      return 600;
    case Precision::bfloat16:
      return 1200;
  }
  return 1;
}

struct Costs {
  double step;       // kDepth of k, where a multiprocessor has enough blocks
  double at_a_time;  // blocks that a multiprocessor holds
};

Costs costs_of(TileSize size, Precision precision) {
  const TileShape shape = tile_shape(size, precision);
  const bool exact = precision == Precision::float32;
  // Every warp reads its lines of both factors from shared memory, a line of kDepth in a cycle: in
  // tiles of 128 x 128 four warps 64 + 64, in 128 x 64 eight 32 + 32.
  constexpr double kLines[] = {4 * (64 + 64), 4 * (32 + 32), 4 * (32 + 32), 2 * (16 + 32)};
  // Instructions in the machine code of a step, four of which a multiprocessor starts in a cycle.
  constexpr double kInstructions[][2] = {{600, 1200}, {340, 560}, {360, 570}, {130, 210}};
  constexpr double kAtATime[] = {2, 2, 2, 5};
  const auto at = static_cast<int>(size);
  const double products = static_cast<double>(shape.rows) * shape.cols * kDepth;
  return {std::max({products / rate(precision), kLines[at], kInstructions[at][exact]}),
          kAtATime[at]};
}

double time_of(const ProductPlan& plan, std::span<const ProductSize> products, std::int64_t cols,
               std::int64_t count, Precision precision) {
  const TileShape shape = tile_shape(plan.tile, precision);
  const Costs costs = costs_of(plan.tile, precision);
  double blocks = 0, longest = 0, splits = 0;
  for (const ProductSize& p : products) {
    const double tiles =
        static_cast<double>(ceil_div(p.rows, shape.rows) * ceil_div(cols, shape.cols) * count);
    blocks += tiles * static_cast<double>(plan.splits(p.k));
    longest = std::max(longest,
                       static_cast<double>(std::min(ceil_div(p.k, kDepth), plan.blocks_per_split)));
    splits = std::max(splits, static_cast<double>(plan.splits(p.k)));
  }
  const double each = std::ceil(blocks / kMultiprocessors);
  const double waves = std::ceil(each / costs.at_a_time);
  const double meet =
      splits > 1 ? kMeet + splits * shape.rows * shape.cols * sizeof(float) / kMeetBytes : 0;
  return std::max(each * longest * costs.step, waves * longest * (kStep + costs.step)) +
         waves * kStart + meet;
}

}  // namespace

std::int64_t ProductPlan::splits(std::int64_t k) const {
  return std::max<std::int64_t>(1, ceil_div(ceil_div(k, kDepth), blocks_per_split));
}

ProductPlan plan_product(std::span<const ProductSize> products, std::int64_t cols,
                         std::int64_t count, Precision precision) {
  std::int64_t longest = 1;
  for (const ProductSize& p : products) longest = std::max(longest, ceil_div(p.k, kDepth));
  ProductPlan best;
  double least = std::numeric_limits<double>::infinity();
  for (const TileSize tile : kTileSizes) {
    const TileShape shape = tile_shape(tile, precision);
    std::int64_t tiles = 0;
    for (const ProductSize& p : products)
      tiles += ceil_div(p.rows, shape.rows) * ceil_div(cols, shape.cols) * count;
    const std::int64_t most = tiles <= kCounters ? std::min(longest, kMostSplits) : 1;
    ProductPlan plan{tile, 0};
    for (std::int64_t splits = 1; splits <= most; ++splits) {
      if (std::exchange(plan.blocks_per_split, ceil_div(longest, splits)) == plan.blocks_per_split)
        continue;
      const double time = time_of(plan, products, cols, count, precision);
      if (time >= least) continue;
      least = time;
      best = plan;
    }
  }
  return best;
}

}  // namespace rareface::cuda
