// A convolution's sizes, and all of its products.
#pragma once

#include "kernels.h"

namespace rareface::testing {

struct Geometry {
  std::int64_t batch, height, width, in, out, filter_h, filter_w, stride, dilation, pad;

  std::int64_t out_size(std::int64_t size, std::int64_t filter) const {
    return (size + 2 * pad - dilation * (filter - 1) - 1) / stride + 1;
  }
  Shape x() const { return {batch, height, width, in}; }
  Shape filter() const { return {filter_h, filter_w, in, out}; }
  Shape y() const { return {batch, out_size(height, filter_h), out_size(width, filter_w), out}; }
  std::vector<double> attrs() const {
    const auto s = static_cast<double>(stride), d = static_cast<double>(dilation),
               p = static_cast<double>(pad);
    return {s, s, d, d, p, p};
  }

  double products() const {
    const Shape ys = y();
    return static_cast<double>(batch * ys[1] * ys[2]) *
           static_cast<double>(filter_h * filter_w * in * out);
  }

  // body(x index, filter index, y index) for every product.
  template <class F>
  void for_products(F&& body) const {
    const Shape ys = y();
    for (std::int64_t n = 0; n < batch; ++n)
      for (std::int64_t oy = 0; oy < ys[1]; ++oy)
        for (std::int64_t ox = 0; ox < ys[2]; ++ox)
          for (std::int64_t ky = 0; ky < filter_h; ++ky)
            for (std::int64_t kx = 0; kx < filter_w; ++kx) {
              const std::int64_t iy = oy * stride + ky * dilation - pad;
              const std::int64_t ix = ox * stride + kx * dilation - pad;
              if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
              for (std::int64_t c = 0; c < in; ++c)
                for (std::int64_t o = 0; o < out; ++o)
                  body(((n * height + iy) * width + ix) * in + c,
                       ((ky * filter_w + kx) * in + c) * out + o,
                       ((n * ys[1] + oy) * ys[2] + ox) * out + o);
            }
  }
};

}  // namespace rareface::testing
