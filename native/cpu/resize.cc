// Resizing NHWC images, bilinear and to the nearest pixel, and the gradients.
#include <cmath>
#include <vector>

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

struct Options {  // the attributes
  bool align_corners, half_pixel_centers;
  explicit Options(const Call& call)
      : align_corners(call.attr(0) != 0), half_pixel_centers(call.attr(1) != 0) {}
};

double scale_of(std::int64_t small, std::int64_t large, const Options& o) {
  const std::int64_t cut = o.align_corners && large > 1 ? 1 : 0;
  return static_cast<double>(small - cut) / static_cast<double>(large - cut);
}

// Where one index of the resized axis comes from: two indices and the second one's weight.
struct Source {
  std::int64_t low, high;
  float weight;
};

std::vector<Source> bilinear_sources(std::int64_t in, std::int64_t out, const Options& o) {
  std::vector<Source> sources;
  const double scale = scale_of(in, out, o);
  for (std::int64_t i = 0; i < out; ++i) {
    const double index = static_cast<double>(i);
    const double at = o.half_pixel_centers ? scale * (index + 0.5) - 0.5 : scale * index;
    const auto low = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::floor(at)));
    const auto high = std::min(in - 1, static_cast<std::int64_t>(std::ceil(at)));
    // Before the first pixel's centre tfjs extrapolates to a weight below 0, on equal pixels.
    sources.push_back(
        {low, std::max<std::int64_t>(high, 0), static_cast<float>(at - static_cast<double>(low))});
  }
  return sources;
}

std::vector<std::int64_t> nearest_sources(std::int64_t in, std::int64_t out, const Options& o) {
  std::vector<std::int64_t> sources;
  const double scale = scale_of(in, out, o);
  for (std::int64_t i = 0; i < out; ++i) {
    const double at = scale * (static_cast<double>(i) + (o.half_pixel_centers ? 0.5 : 0.0));
    // floor(x + 0.5) is JavaScript's Math.round.
    const double near = o.align_corners ? std::floor(at + 0.5) : std::floor(at);
    sources.push_back(std::clamp<std::int64_t>(static_cast<std::int64_t>(near), 0, in - 1));
  }
  return sources;
}

void check(const Call& call) {
  require_arity(call, 1, 1);
  const View &x = call.in[0], &y = call.out[0];
  require(x.rank == 4 && y.rank == 4, "takes images of rank 4");
  require(x.dtype == DType::float32 && y.dtype == DType::float32, "takes float32 only");
  require(x.dims[0] == y.dims[0] && x.dims[3] == y.dims[3], "batch sizes or channels differ");
  require((x.size() > 0) == (y.size() > 0), "an image is empty");
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
  check(call);
  const Options options(call);
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  const std::int64_t c = x.dims[3];
  const auto rows = bilinear_sources(x.dims[1], y.dims[1], options);
  const auto columns = bilinear_sources(x.dims[2], y.dims[2], options);
  for_image_rows(call, y, [&](std::int64_t batch, std::int64_t out_y) {
    const Source v = rows[static_cast<std::size_t>(out_y)];
    const float* top = x.f32() + (batch * x.dims[1] + v.low) * x.dims[2] * c;
    const float* bottom = x.f32() + (batch * x.dims[1] + v.high) * x.dims[2] * c;
    float* out = y.f32_out() + (batch * y.dims[1] + out_y) * y.dims[2] * c;
    for (const Source& h : columns) {
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
  check(call);
  const Options options(call);
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  const std::int64_t c = x.dims[3];
  const auto rows = nearest_sources(x.dims[1], y.dims[1], options);
  const auto columns = nearest_sources(x.dims[2], y.dims[2], options);
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
  check(call);
  const Options options(call);
  const View &dy = call.in[0], &dx = call.out[0];
  if (dx.size() == 0) return;
  const auto rows = bilinear_sources(dx.dims[1], dy.dims[1], options);
  const auto columns = bilinear_sources(dx.dims[2], dy.dims[2], options);
  scatter_images(call, [&](const float* in, float* out, std::int64_t c, std::int64_t width) {
    for (const Source& v : rows) {
      for (const Source& h : columns) {
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
  check(call);
  const Options options(call);
  const View &dy = call.in[0], &dx = call.out[0];
  if (dx.size() == 0) return;
  const auto rows = nearest_sources(dx.dims[1], dy.dims[1], options);
  const auto columns = nearest_sources(dx.dims[2], dy.dims[2], options);
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
