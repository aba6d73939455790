#include "launch.h"
#include "product.h"
#include "product_plan.h"
#include "product_start.h"

namespace rareface::cuda {

namespace {

ProductSize size_of(Form form, const Phase& phase) {
  const ProductSize size{phase.positions, phase.depth};
  return form == Form::filter_grad ? ProductSize{size.k, size.rows} : size;
}

}  // namespace

void start_product(Form form, Product& product, int count, Precision precision, Host& host) {
  ProductSize sizes[Product::kMaxPhases];
  for (int i = 0; i < product.phase_count; ++i) sizes[i] = size_of(form, product.phases[i]);
  const std::span used(sizes, static_cast<std::size_t>(product.phase_count));
  start_product(form, product, count, precision, plan_product(used, product.cols, count, precision),
                host);
}

void start_product(Form form, Product& product, int count, Precision precision,
                   const ProductPlan& plan, Host& host) {
  const TileShape shape = tile_shape(plan.tile, precision);
  std::int64_t items = 0, tiles = 0, parts = 0;
  for (int i = 0; i < product.phase_count; ++i) {
    Phase& phase = product.phases[i];
    const ProductSize size = size_of(form, phase);
    phase.splits = static_cast<int>(plan.splits(size.k));
    phase.blocks_per_split = static_cast<int>(plan.blocks_per_split);
    phase.first_item = as_int(items, "blocks");
    phase.first_tile = as_int(tiles, "tiles");
    phase.first_part = as_int(parts, "parts");
    const std::int64_t own = ceil_div(size.rows, shape.rows) * ceil_div(product.cols, shape.cols);
    tiles += own;
    items += own * phase.splits;
    if (phase.splits > 1) parts += own * phase.splits;
  }
  product.items = as_int(items, "blocks");
  product.tiles = as_int(tiles, "tiles");
  product.parts = as_int(parts, "parts");
  if (items == 0 || count == 0) return;
  if (parts > 0) {
    product.partial = static_cast<float*>(host.scratch(static_cast<std::size_t>(parts * count) *
                                                       shape.rows * shape.cols * sizeof(float)));
    product.counters = host.counters();
  }
  switch (form) {
    case Form::forward:
      return start_forward(precision, plan.tile, product, count, host);
    case Form::input_grad:
      return start_input_grad(precision, plan.tile, product, count, host);
    case Form::filter_grad:
      return start_filter_grad(precision, plan.tile, product, count, host);
  }
}

}  // namespace rareface::cuda
