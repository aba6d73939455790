// Pooling over NHWC images, and its gradients.
#include "../arguments/pool.h"

#include <limits>

#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

// body(pixel) for each pixel (y * in_w + x) of the window of one output that lies in the image.
template <class F>
void for_pixels(const Window& w, std::int64_t out_y, std::int64_t out_x, F&& body) {
  for (std::int64_t fy = 0; fy < w.filter_h; ++fy) {
    const std::int64_t y = out_y * w.stride_h - w.pad_h + fy * w.dilation_h;
    if (y < 0 || y >= w.in_h) continue;
    for (std::int64_t fx = 0; fx < w.filter_w; ++fx) {
      const std::int64_t x = out_x * w.stride_w - w.pad_w + fx * w.dilation_w;
      if (x >= 0 && x < w.in_w) body(y * w.in_w + x);
    }
  }
}

enum class Kind { max, average };

template <Kind kind>
void pool(const Call& call) {
  const Window w = pool_window(call);
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  const std::int64_t c = w.channels;
  const std::int64_t row = w.out_w * c * w.filter_h * w.filter_w;
  for_rows(call, w.batch * w.out_h, row, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* image = x + r / w.out_h * w.in_h * w.in_w * c;
      for (std::int64_t out_x = 0; out_x < w.out_w; ++out_x) {
        float* out = y + (r * w.out_w + out_x) * c;
        std::fill(out, out + c, kind == Kind::max ? -std::numeric_limits<float>::infinity() : 0.0f);
        std::int64_t count = 0;
        for_pixels(w, r % w.out_h, out_x, [&](std::int64_t pixel) {
          const float* in = image + pixel * c;
          ++count;
          if constexpr (kind == Kind::max) {
#pragma omp simd
            for (std::int64_t k = 0; k < c; ++k) out[k] = in[k] > out[k] ? in[k] : out[k];
          } else {
#pragma omp simd
            for (std::int64_t k = 0; k < c; ++k) out[k] += in[k];
          }
        });
        if constexpr (kind == Kind::average)
          for (std::int64_t k = 0; k < c; ++k) out[k] /= static_cast<float>(count);
      }
    }
  });
}

// Gradients are shared out by image and strip of channels: each writes its own part of dx.
constexpr std::int64_t kStrip = 64;

template <class F>
void for_strips(const Call& call, const Window& w, F&& body) {
  const std::int64_t strips = ceil_div(w.channels, kStrip);
  const std::int64_t work =
      w.out_h * w.out_w * w.filter_h * w.filter_w * std::min(w.channels, kStrip);
  for_rows(call, w.batch * strips, work, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % strips * kStrip;
      body(i / strips, first, std::min(kStrip, w.channels - first));
    }
  });
}

void clear_strip(const Window& w, float* dx, std::int64_t width) {
  for (std::int64_t pixel = 0; pixel < w.in_h * w.in_w; ++pixel)
    std::fill_n(dx + pixel * w.channels, width, 0.0f);
}

// Inputs: dy, x. The first of equal maxima takes the gradient, as in tfjs.
void max_pool_grad(const Call& call) {
  const Window w = max_pool_grad_window(call);
  const std::int64_t c = w.channels, pixels = w.in_h * w.in_w;
  for_strips(call, w, [&](std::int64_t image, std::int64_t first, std::int64_t width) {
    const float* x = call.in[1].f32() + image * pixels * c + first;
    const float* dy = call.in[0].f32() + image * w.out_h * w.out_w * c + first;
    float* dx = call.out[0].f32_out() + image * pixels * c + first;
    clear_strip(w, dx, width);
    float best[kStrip];
    std::int32_t at[kStrip];
    for (std::int64_t i = 0; i < w.out_h * w.out_w; ++i) {
      std::fill_n(best, width, -std::numeric_limits<float>::infinity());
      std::fill_n(at, width, -1);
      for_pixels(w, i / w.out_w, i % w.out_w, [&](std::int64_t pixel) {
        const float* in = x + pixel * c;
        const auto here = static_cast<std::int32_t>(pixel);
#pragma omp simd
        for (std::int64_t k = 0; k < width; ++k) {
          const bool larger = in[k] > best[k];
          best[k] = larger ? in[k] : best[k];
          at[k] = larger ? here : at[k];
        }
      });
      for (std::int64_t k = 0; k < width; ++k)
        if (at[k] >= 0) dx[at[k] * c + k] += dy[i * c + k];
    }
  });
}

// Inputs: dy. Each pixel gets its share of its windows' means.
void avg_pool_grad(const Call& call) {
  const Window w = avg_pool_grad_window(call);
  const std::int64_t c = w.channels, pixels = w.in_h * w.in_w;
  for_strips(call, w, [&](std::int64_t image, std::int64_t first, std::int64_t width) {
    const float* dy = call.in[0].f32() + image * w.out_h * w.out_w * c + first;
    float* dx = call.out[0].f32_out() + image * pixels * c + first;
    clear_strip(w, dx, width);
    for (std::int64_t i = 0; i < w.out_h * w.out_w; ++i) {
      std::int64_t count = 0;
      for_pixels(w, i / w.out_w, i % w.out_w, [&](std::int64_t) { ++count; });
      const float share = 1.0f / static_cast<float>(count);
      for_pixels(w, i / w.out_w, i % w.out_w, [&](std::int64_t pixel) {
        float* out = dx + pixel * c;
#pragma omp simd
        for (std::int64_t k = 0; k < width; ++k) out[k] += dy[i * c + k] * share;
      });
    }
  });
}

}  // namespace

void register_pool(KernelTable& table) {
  table.add("MaxPool", pool<Kind::max>);
  table.add("AvgPool", pool<Kind::average>);
  table.add("MaxPoolGrad", max_pool_grad);
  table.add("AvgPoolGrad", avg_pool_grad);
}

}  // namespace rareface::cpu
