// Resizing NHWC images, bilinear and to the nearest pixel, and the gradients.
#include "../arguments/resize.h"

#include <vector>

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// Where each index of the resized axis comes from.
template <class Source>
std::vector<Source> sources(std::int64_t in, std::int64_t out, const ResizeOptions& options,
                            Source (*source)(const ResizedAxis&, std::int64_t)) {
  const ResizedAxis axis(in, out, options);
  std::vector<Source> all;
  for (std::int64_t i = 0; i < out; ++i) all.push_back(source(axis, i));
  return all;
}

// body(batch, y) for each row of the resized image.
template <class F>
void for_image_rows(const Call& call, const View& image, F&& body) {
  const std::int64_t rows = image.dims[0] * image.dims[1];
  for_rows(call, rows, image.dims[2] * image.dims[3] * 4, kCheapGrain,
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t r = begin; r < end; ++r) body(r / image.dims[1], r % image.dims[1]);
           });
}

void resize_bilinear(const Call& call) {
  const ResizeOptions options(call);
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  const std::int64_t c = x.dims[3];
  const auto rows = sources(x.dims[1], y.dims[1], options, bilinear_source);
  const auto columns = sources(x.dims[2], y.dims[2], options, bilinear_source);
  for_image_rows(call, y, [&](std::int64_t batch, std::int64_t out_y) {
    const BilinearSource v = rows[static_cast<std::size_t>(out_y)];
    const float* top = x.f32() + (batch * x.dims[1] + v.low) * x.dims[2] * c;
    const float* bottom = x.f32() + (batch * x.dims[1] + v.high) * x.dims[2] * c;
    float* out = y.f32_out() + (batch * y.dims[1] + out_y) * y.dims[2] * c;
    for (const BilinearSource& h : columns) {
      const float *tl = top + h.low * c, *tr = top + h.high * c;
      const float *bl = bottom + h.low * c, *br = bottom + h.high * c;
#pragma omp simd
      for (std::int64_t k = 0; k < c; ++k) {
        const float t = tl[k] + (tr[k] - tl[k]) * h.weight;
        const float b = bl[k] + (br[k] - bl[k]) * h.weight;
        out[k] = t + (b - t) * v.weight;
      }
      out += c;
    }
  });
}

void resize_nearest(const Call& call) {
  const ResizeOptions options(call);
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  const std::int64_t c = x.dims[3];
  const auto rows = sources(x.dims[1], y.dims[1], options, nearest_source);
  const auto columns = sources(x.dims[2], y.dims[2], options, nearest_source);
  for_image_rows(call, y, [&](std::int64_t batch, std::int64_t out_y) {
    const std::int64_t from = rows[static_cast<std::size_t>(out_y)];
    const float* in = x.f32() + (batch * x.dims[1] + from) * x.dims[2] * c;
    float* out = y.f32_out() + (batch * y.dims[1] + out_y) * y.dims[2] * c;
    for (const std::int64_t column : columns) {
      std::copy_n(in + column * c, c, out);
      out += c;
    }
  });
}

// The gradients scatter dy into dx: one task an image and strip of channels, which owns its part.
template <class F>
void scatter_images(const Call& call, F&& body) {
  constexpr std::int64_t kStrip = 32;
  const View &dy = call.in[0], &dx = call.out[0];
  const std::int64_t c = dx.dims[3], strips = ceil_div(c, kStrip);
  const std::int64_t work = dy.dims[1] * dy.dims[2] * std::min(c, kStrip) * 4;
  for_rows(call, dx.dims[0] * strips, work, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / strips, first = i % strips * kStrip;
      const std::int64_t width = std::min(kStrip, c - first);
      const float* in = dy.f32() + image * dy.dims[1] * dy.dims[2] * c + first;
      float* out = dx.f32_out() + image * dx.dims[1] * dx.dims[2] * c + first;
      for (std::int64_t p = 0; p < dx.dims[1] * dx.dims[2]; ++p)
        std::fill_n(out + p * c, width, 0.0f);
      body(in, out, c, width);
    }
  });
}

void resize_bilinear_grad(const Call& call) {
  const ResizeOptions options(call);
  const View &dy = call.in[0], &dx = call.out[0];
  if (dx.size() == 0) return;
  const auto rows = sources(dx.dims[1], dy.dims[1], options, bilinear_source);
  const auto columns = sources(dx.dims[2], dy.dims[2], options, bilinear_source);
  scatter_images(call, [&](const float* in, float* out, std::int64_t c, std::int64_t width) {
    for (const BilinearSource& v : rows) {
      for (const BilinearSource& h : columns) {
        const auto add = [&](std::int64_t y, std::int64_t x, float weight) {
          float* to = out + (y * dx.dims[2] + x) * c;
#pragma omp simd
          for (std::int64_t k = 0; k < width; ++k) to[k] += in[k] * weight;
        };
        add(v.low, h.low, (1 - v.weight) * (1 - h.weight));
        add(v.low, h.high, (1 - v.weight) * h.weight);
        add(v.high, h.low, v.weight * (1 - h.weight));
        add(v.high, h.high, v.weight * h.weight);
        in += c;
      }
    }
  });
}

void resize_nearest_grad(const Call& call) {
  const ResizeOptions options(call);
  const View &dy = call.in[0], &dx = call.out[0];
  if (dx.size() == 0) return;
  const auto rows = sources(dx.dims[1], dy.dims[1], options, nearest_source);
  const auto columns = sources(dx.dims[2], dy.dims[2], options, nearest_source);
  scatter_images(call, [&](const float* in, float* out, std::int64_t c, std::int64_t width) {
    for (const std::int64_t row : rows) {
      for (const std::int64_t column : columns) {
        float* to = out + (row * dx.dims[2] + column) * c;
        for (std::int64_t k = 0; k < width; ++k) to[k] += in[k];
        in += c;
      }
    }
  });
}

}  // namespace

void register_resize(KernelTable& table) {
  table.add("ResizeBilinear", resize_bilinear);
  table.add("ResizeNearestNeighbor", resize_nearest);
  table.add("ResizeBilinearGrad", resize_bilinear_grad);
  table.add("ResizeNearestNeighborGrad", resize_nearest_grad);
}

}  // namespace rareface::cpu
