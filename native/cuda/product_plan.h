// How a product is cut into blocks: by its sizes alone, so that its sums have one order.
#pragma once

#include <cstdint>
#include <span>

#include "../runtime/kernel.h"

namespace rareface::cuda {

// Of a block's part of the result: 128 x 128 (in float32 128 x 64), 64 x 64, 128 x 32, 32 x 32.
enum class TileSize { large, medium, narrow, small };
constexpr TileSize kTileSizes[] = {TileSize::large, TileSize::medium, TileSize::narrow,
                                   TileSize::small};

constexpr int kDepth = 32;  // of k, at a time

struct TileShape {
  int rows, cols;
};
constexpr TileShape tile_shape(TileSize size, Precision precision) {
  switch (size) {
    case TileSize::large:
      return {128, precision == Precision::float32 ? 64 : 128};
    case TileSize::medium:
      return {64, 64};
    case TileSize::narrow:
      return {128, 32};
    case TileSize::small:
      return {32, 32};
  }
  return {};
}

struct ProductSize {
  std::int64_t rows = 0, k = 0;
};

struct ProductPlan {
  TileSize tile = TileSize::small;
  std::int64_t blocks_per_split = 1;  // of kDepth each

  std::int64_t splits(std::int64_t k) const;
};

// For products of `cols` columns that one launch makes, all of them `count` times; the plan with
// the shortest time by an estimate for an H100.
ProductPlan plan_product(std::span<const ProductSize> products, std::int64_t cols,
                         std::int64_t count, Precision precision);

}  // namespace rareface::cuda
