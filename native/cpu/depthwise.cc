// Depthwise 2-D convolutions over NHWC images: channel c of the image makes channels
// c * multiplier .. of the result, each with a filter of its own. Vectors run along the channels.
#include "blocks.h"
#include "epilogue_args.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// Attributes as in conv_kernels.cc.
constexpr int kGeometry = 6;

struct Depthwise {
  std::int64_t batch, in_h, in_w, in_c, out_h, out_w, out_c, filter_h, filter_w, multiplier;
  std::int64_t stride_h, stride_w, dilation_h, dilation_w, pad_h, pad_w;

  Depthwise(const Call& call, const View& x, const View& filter, const View& y) {
    for (const View* v : {&x, &filter, &y}) {
      require(v->rank == 4, "takes tensors of rank 4");
      require(v->dtype == DType::float32, "takes float32 only");
    }
    batch = x.dims[0], in_h = x.dims[1], in_w = x.dims[2], in_c = x.dims[3];
    out_h = y.dims[1], out_w = y.dims[2], out_c = y.dims[3];
    filter_h = filter.dims[0], filter_w = filter.dims[1], multiplier = filter.dims[3];
    stride_h = call.attr_int(0), stride_w = call.attr_int(1);
    dilation_h = call.attr_int(2), dilation_w = call.attr_int(3);
    pad_h = call.attr_int(4), pad_w = call.attr_int(5);
    require(y.dims[0] == batch, "batch sizes differ");
    require(filter.dims[2] == in_c && out_c == in_c * multiplier, "the filter's channels ",
            filter.dims[2], " x ", multiplier, " do not fit ", in_c, " -> ", out_c);
    require(stride_h > 0 && stride_w > 0 && dilation_h > 0 && dilation_w > 0,
            "strides and dilations must be positive");
  }

  std::int64_t x_at(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return ((n * in_h + y) * in_w + x) * in_c;
  }
  std::int64_t y_at(std::int64_t n, std::int64_t y, std::int64_t x) const {
    return ((n * out_h + y) * out_w + x) * out_c;
  }
  std::int64_t in_row(std::int64_t oy, std::int64_t ky) const {
    return oy * stride_h + ky * dilation_h - pad_h;
  }
  std::int64_t in_col(std::int64_t ox, std::int64_t kx) const {
    return ox * stride_w + kx * dilation_w - pad_w;
  }

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

// (x, filter, [bias], [prelu]) -> y; further attributes: see epilogue_args.h
void fused_depthwise(const Call& call) {
  require(call.in_count >= 2 && call.out_count == 1, "takes an image, a filter and options");
  const Depthwise d(call, call.in[0], call.in[1], call.out[0]);
  forward(call, d, epilogue_of(call, 2, kGeometry, d.out_c));
}

// (dy, filter) -> dx
void backprop_input(const Call& call) {
  require_arity(call, 2, 1);
  const Depthwise d(call, call.out[0], call.in[1], call.in[0]);
  const float *dy = call.in[0].f32(), *filter = call.in[1].f32();
  float* dx = call.out[0].f32_out();
  // The result's position that reads input position `i` at filter position `k`, or -1.
  const auto reader = [](std::int64_t i, std::int64_t k, std::int64_t dilation, std::int64_t pad,
                         std::int64_t stride, std::int64_t size) {
    const std::int64_t at = i + pad - k * dilation;
    return at >= 0 && at % stride == 0 && at / stride < size ? at / stride : std::int64_t{-1};
  };
  const std::int64_t row_size = d.in_w * d.out_c * d.filter_h * d.filter_w;
  for_rows(call, d.batch * d.in_h, row_size, kCheapGrain, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t pixel = from * d.in_w; pixel < to * d.in_w; ++pixel) {
      const std::int64_t n = pixel / d.in_w / d.in_h, iy = pixel / d.in_w % d.in_h;
      float* out = dx + pixel * d.in_c;
      std::fill_n(out, d.in_c, 0.0f);
      for (std::int64_t ky = 0; ky < d.filter_h; ++ky) {
        const std::int64_t oy = reader(iy, ky, d.dilation_h, d.pad_h, d.stride_h, d.out_h);
        if (oy < 0) continue;
        for (std::int64_t kx = 0; kx < d.filter_w; ++kx) {
          const std::int64_t ox =
              reader(pixel % d.in_w, kx, d.dilation_w, d.pad_w, d.stride_w, d.out_w);
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
