#include "product_setup.h"

namespace rareface::cuda {
namespace {

// Whether `count` floats, every `stride` floats, can be copied four at a time.
bool in_vectors(const float* data, std::int64_t stride, std::int64_t count) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % 4 == 0 && count % 4 == 0;
}

}  // namespace

void set_image(Product& p, const float* data, std::int64_t batch, std::int64_t height,
               std::int64_t width, std::int64_t channels, std::int64_t stride) {
  as_int(batch * height * width * stride, "elements");
  p.image = data;
  p.height = as_int(height, "rows");
  p.width = as_int(width, "columns");
  p.image_stride = as_int(stride, "channels");
  p.channels = Divisor(channels);
  p.image_vectors = in_vectors(data, stride, channels);
}

void set_rows(Product& p, const float* data, std::int64_t rows, std::int64_t stride,
              std::int64_t cols) {
  as_int(rows * stride, "elements");
  p.b = data;
  p.b_stride = as_int(stride, "channels");
  p.cols = as_int(cols, "columns");
  p.b_vectors = in_vectors(data, stride, cols);
}

void set_columns(Product& p, const float* data, std::int64_t taps, std::int64_t cols,
                 std::int64_t channels) {
  as_int(taps * cols * channels, "elements");
  p.b = data;
  p.cols = as_int(cols, "columns");
  p.b_vectors = in_vectors(data, channels, channels);
}

void set_out(Product& p, float* data, std::int64_t pixels, std::int64_t stride) {
  as_int(pixels * stride, "elements");
  p.out = data;
  p.out_stride = as_int(stride, "channels");
  p.out_vectors = in_vectors(data, stride, p.cols);
}

void start(Form form, Product& p, int count, Precision precision, Host& host) {
  if (p.cols <= kFewCols)
    start_few_cols(form, p, count, host);
  else
    start_product(form, p, count, precision, host);
}

}  // namespace rareface::cuda
