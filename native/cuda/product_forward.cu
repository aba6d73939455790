#include "product_kernel.h"
#include "product_start.h"

namespace rareface::cuda {

void start_forward(Precision precision, TileSize size, const Product& product, int count,
                   const Host& host) {
  start<Form::forward>(precision, size, product, count, host);
}

}  // namespace rareface::cuda
