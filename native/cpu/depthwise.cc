// Depthwise 2-D convolutions over NHWC images: channel c of the image makes channels
// c * multiplier .. of the result, each with a filter of its own. Vectors run along the channels.
#include "../arguments/depthwise.h"

#include "blocks.h"
#include "epilogue_args.h"
#include "register.h"

namespace rareface::cpu {
namespace {

struct Depthwise : DepthwiseShape {
  Depthwise(const Call& call, const View& x, const View& filter, const View& y)
      : DepthwiseShape(depthwise_shape(call, x, filter, y)) {}

  // The image's values for channels c..c+count of the result.
  Vec spread(const float* x, std::int64_t c, std::int64_t count) const {
    if (multiplier == 1) return part(x + c, count);
    Vec v{};
    for (int l = 0; l < count; ++l) v[l] = x[(c + l) / multiplier];
    return v;
  }
  static Vec part(const float* p, std::int64_t count) {
    return count == kLanes ? load(p) : load_part(p, count);
  }
};

void forward(const Call& call, const Depthwise& d, const Epilogue& epilogue) {
  const float *x = call.in[0].f32(), *filter = call.in[1].f32();
  const Output output{call.out[0].f32_out(), d.out_c};
  const std::int64_t row_size = d.out_w * d.out_c * d.filter_h * d.filter_w;
  for_rows(call, d.batch * d.out_h, row_size, kCheapGrain, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t pixel = from * d.out_w; pixel < to * d.out_w; ++pixel) {
      const std::int64_t n = pixel / d.out_w / d.out_h, oy = pixel / d.out_w % d.out_h;
      for (std::int64_t c = 0; c < d.out_c; c += kLanes) {
        const std::int64_t count = std::min<std::int64_t>(kLanes, d.out_c - c);
        Vec sum{};
        for (std::int64_t ky = 0; ky < d.filter_h; ++ky) {
          const std::int64_t iy = d.in_row(oy, ky);
          if (iy < 0 || iy >= d.in_h) continue;
          for (std::int64_t kx = 0; kx < d.filter_w; ++kx) {
            const std::int64_t ix = d.in_col(pixel % d.out_w, kx);
            if (ix < 0 || ix >= d.in_w) continue;
            sum += d.spread(x + d.x_at(n, iy, ix), c, count) *
                   d.part(filter + (ky * d.filter_w + kx) * d.out_c + c, count);
          }
        }
        finish(epilogue, sum, c, count, pixel, output);
      }
    }
  });
}

// (x, filter) -> y
void depthwise(const Call& call) {
  require_arity(call, 2, 1);
  forward(call, Depthwise(call, call.in[0], call.in[1], call.out[0]), {});
}

// (x, filter, [bias], [prelu]) -> y; further attributes: see arguments/epilogue.h
void fused_depthwise(const Call& call) {
  require(call.in_count >= 2 && call.out_count == 1, "takes an image, a filter and options");
  const Depthwise d(call, call.in[0], call.in[1], call.out[0]);
  forward(call, d, epilogue_of(call, 2, kConvAttrs, d.out_c));
}

// (dy, filter) -> dx
void backprop_input(const Call& call) {
  require_arity(call, 2, 1);
  const Depthwise d(call, call.out[0], call.in[1], call.in[0]);
  const float *dy = call.in[0].f32(), *filter = call.in[1].f32();
  float* dx = call.out[0].f32_out();
  const std::int64_t row_size = d.in_w * d.out_c * d.filter_h * d.filter_w;
  for_rows(call, d.batch * d.in_h, row_size, kCheapGrain, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t pixel = from * d.in_w; pixel < to * d.in_w; ++pixel) {
      const std::int64_t n = pixel / d.in_w / d.in_h, iy = pixel / d.in_w % d.in_h;
      float* out = dx + pixel * d.in_c;
      std::fill_n(out, d.in_c, 0.0f);
      for (std::int64_t ky = 0; ky < d.filter_h; ++ky) {
        const std::int64_t oy = d.out_row(iy, ky);
        if (oy < 0) continue;
        for (std::int64_t kx = 0; kx < d.filter_w; ++kx) {
          const std::int64_t ox = d.out_col(pixel % d.in_w, kx);
          if (ox < 0) continue;
          const float* g = dy + d.y_at(n, oy, ox);
          const float* w = filter + (ky * d.filter_w + kx) * d.out_c;
          if (d.multiplier == 1) {
            for (std::int64_t c = 0; c < d.in_c; ++c) out[c] += g[c] * w[c];
          } else {
            for (std::int64_t c = 0; c < d.out_c; ++c) out[c / d.multiplier] += g[c] * w[c];
          }
        }
      }
    }
  });
}

// (x, dy) -> dfilter
void backprop_filter(const Call& call) {
  require_arity(call, 2, 1);
  const Depthwise d(call, call.in[0], call.out[0], call.in[1]);
  const float *x = call.in[0].f32(), *dy = call.in[1].f32();
  float* dfilter = call.out[0].f32_out();
  const std::int64_t strips = ceil_div(d.out_c, kLanes);
  auto task = [&](std::int64_t index) {
    const std::int64_t c = index % strips * kLanes;
    const std::int64_t count = std::min<std::int64_t>(kLanes, d.out_c - c);
    const std::int64_t position = index / strips;
    const std::int64_t ky = position / d.filter_w, kx = position % d.filter_w;
    Vec sum{};
    for (std::int64_t row = 0; row < d.batch * d.out_h; ++row) {
      const std::int64_t n = row / d.out_h, oy = row % d.out_h, iy = d.in_row(oy, ky);
      if (iy < 0 || iy >= d.in_h) continue;
      Vec row_sum{};  // short sums first: a long one in float32 loses digits
      for (std::int64_t ox = 0; ox < d.out_w; ++ox) {
        const std::int64_t ix = d.in_col(ox, kx);
        if (ix < 0 || ix >= d.in_w) continue;
        row_sum +=
            d.spread(x + d.x_at(n, iy, ix), c, count) * d.part(dy + d.y_at(n, oy, ox) + c, count);
      }
      sum += row_sum;
    }
    store_part(dfilter + position * d.out_c + c, sum, count);
  };
  call.host->parallel(d.filter_h * d.filter_w * strips, task);
}

}  // namespace

void register_depthwise(KernelTable& table) {
  table.add("DepthwiseConv2dNative", depthwise);
  table.add("FusedDepthwiseConv2D", fused_depthwise);
  table.add("DepthwiseConv2dNativeBackpropInput", backprop_input);
  table.add("DepthwiseConv2dNativeBackpropFilter", backprop_filter);
}

}  // namespace rareface::cpu
