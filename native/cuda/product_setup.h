// The parts of a product, for whoever makes one.
#pragma once

#include "product.h"

namespace rareface::cuda {

// Each throws where the numbers of elements do not fit into an int.

// The image [batch, height, width, channels], `stride` floats from a pixel to the next.
void set_image(Product& product, const float* data, std::int64_t batch, std::int64_t height,
               std::int64_t width, std::int64_t channels, std::int64_t stride);
// B of forward and filter_grad: [rows, cols], `stride` floats from a row to the next.
void set_rows(Product& product, const float* data, std::int64_t rows, std::int64_t stride,
              std::int64_t cols);
// B of input_grad: [taps, cols, channels].
void set_columns(Product& product, const float* data, std::int64_t taps, std::int64_t cols,
                 std::int64_t channels);
// The result [pixels, cols], `stride` floats from a pixel to the next; after B.
void set_out(Product& product, float* data, std::int64_t pixels, std::int64_t stride);

// Starts what has been set and what `product.phases` say, `count` times for a stack.
void start(Form form, Product& product, int count, Precision precision, Host& host);

}  // namespace rareface::cuda
