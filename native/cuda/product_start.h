// The kernels of each form of product, each form in a file of its own: product_<form>.cu.
#pragma once

#include "product.h"
#include "product_plan.h"

namespace rareface::cuda {

// `product` is cut for the tile, see start_product.
void start_forward(Precision precision, TileSize size, const Product& product, int count,
                   const Host& host);
void start_input_grad(Precision precision, TileSize size, const Product& product, int count,
                      const Host& host);
void start_filter_grad(Precision precision, TileSize size, const Product& product, int count,
                       const Host& host);

}  // namespace rareface::cuda
