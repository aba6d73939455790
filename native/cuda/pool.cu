// Pooling over NHWC images, and its gradients, one thread an element: gradients gather what each
// pixel gets from the windows that it is in.
#include <limits>

#include "../arguments/pool.h"
#include "elementwise.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// One direction of the windows.
struct Extent {
  int in, out, stride, dilation, filter, pad;
  Divider size, step;  // of what there is a thread for; the stride

  // Where the window of output `at` begins.
  __device__ int begin(int at) const { return at * stride - pad; }
  // body(out) for the outputs whose windows `at` is in, in order.
  template <class Body>
  __device__ void for_windows(int at, Body&& body) const {
    for (int f = filter - 1; f >= 0; --f) {
      const int from = at + pad - f * dilation;
      if (from < 0) continue;
      const auto o = static_cast<int>(step.quotient(static_cast<unsigned>(from)));
      if (o * stride == from && o < out) body(o);
    }
  }
  // body(pixel) for the pixels of the window of output `o` that lie in the image.
  template <class Body>
  __device__ void for_pixels(int o, Body&& body) const {
    for (int f = 0, at = begin(o); f < filter; ++f, at += dilation)
      if (at >= 0 && at < in) body(at);
  }
  // How many those are.
  __device__ int count(int o) const {
    int n = 0;
    for_pixels(o, [&](int) { ++n; });
    return n;
  }
};

struct Windows {
  Extent h, w;
  int channels;
  Divider channel;
};

// An element of a tensor [batch][h.size][w.size][channels].
struct Element {
  int batch, y, x, channel;
  __device__ Element(const Windows& s, unsigned i) {
    channel = static_cast<int>(s.channel.remainder(i));
    x = static_cast<int>(s.w.size.remainder(i));
    y = static_cast<int>(s.h.size.remainder(i));
    batch = static_cast<int>(i);
  }
};

enum class Kind { max, average };

template <Kind kind>
__global__ void pool_kernel(const float* x, float* y, unsigned size, Windows s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const float* image = x + e.batch * s.h.in * s.w.in * s.channels + e.channel;
    float result = kind == Kind::max ? -std::numeric_limits<float>::infinity() : 0.0f;
    s.h.for_pixels(e.y, [&](int row) {
      s.w.for_pixels(e.x, [&](int column) {
        const float value = image[(row * s.w.in + column) * s.channels];
        if constexpr (kind == Kind::max)
          result = value > result ? value : result;
        else
          result += value;
      });
    });
    if constexpr (kind == Kind::average)
      result /= static_cast<float>(s.h.count(e.y) * s.w.count(e.x));
    y[i] = result;
  });
}

// The first of equal maxima takes the gradient, as in tfjs.
__global__ void max_pool_grad_kernel(const float* dy, const float* x, float* dx, unsigned size,
                                     Windows s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const float* image = x + e.batch * s.h.in * s.w.in * s.channels + e.channel;
    const float* gradients = dy + e.batch * s.h.out * s.w.out * s.channels + e.channel;
    const int here = e.y * s.w.in + e.x;
    float sum = 0;
    s.h.for_windows(e.y, [&](int out_y) {
      s.w.for_windows(e.x, [&](int out_x) {
        float best = -std::numeric_limits<float>::infinity();
        int at = -1;
        s.h.for_pixels(out_y, [&](int row) {
          s.w.for_pixels(out_x, [&](int column) {
            const int pixel = row * s.w.in + column;
            const float value = image[pixel * s.channels];
            if (value > best) {
              best = value;
              at = pixel;
            }
          });
        });
        if (at == here) sum += gradients[(out_y * s.w.out + out_x) * s.channels];
      });
    });
    dx[i] = sum;
  });
}

// Each pixel gets its share of its windows' means.
__global__ void avg_pool_grad_kernel(const float* dy, float* dx, unsigned size, Windows s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const float* gradients = dy + e.batch * s.h.out * s.w.out * s.channels + e.channel;
    float sum = 0;
    s.h.for_windows(e.y, [&](int out_y) {
      s.w.for_windows(e.x, [&](int out_x) {
        const float share = 1.0f / static_cast<float>(s.h.count(out_y) * s.w.count(out_x));
        sum += gradients[(out_y * s.w.out + out_x) * s.channels] * share;
      });
    });
    dx[i] = sum;
  });
}

// `elements`: the tensor that there is a thread for each element of.
Windows windows(const Window& w, const View& elements) {
  natural(w.batch * w.in_h * w.in_w * w.channels);
  natural(w.batch * w.out_h * w.out_w * w.channels);
  const auto extent = [](std::int64_t in, std::int64_t out, std::int64_t stride,
                         std::int64_t dilation, std::int64_t filter, std::int64_t pad,
                         std::int64_t size) {
    // Beyond these, where a window begins would not fit.
    small(in + pad + filter * dilation);
    small(out * stride - pad + filter * dilation);
    return Extent{small(in),     small(out), small(stride), small(dilation),
                  small(filter), small(pad), Divider(size), Divider(stride)};
  };
  return {extent(w.in_h, w.out_h, w.stride_h, w.dilation_h, w.filter_h, w.pad_h, elements.dims[1]),
          extent(w.in_w, w.out_w, w.stride_w, w.dilation_w, w.filter_w, w.pad_w, elements.dims[2]),
          small(w.channels), Divider(w.channels)};
}

template <Kind kind>
void pool(const Call& call) {
  const Window w = pool_window(call);
  const View& y = call.out[0];
  launch(*call.host, grid_for(y.size()), pool_kernel<kind>, call.in[0].f32(), y.f32_out(),
         natural(y.size()), windows(w, y));
}

void max_pool_grad(const Call& call) {
  const Window w = max_pool_grad_window(call);
  const View& dx = call.out[0];
  launch(*call.host, grid_for(dx.size()), max_pool_grad_kernel, call.in[0].f32(), call.in[1].f32(),
         dx.f32_out(), natural(dx.size()), windows(w, call.in[1]));
}

void avg_pool_grad(const Call& call) {
  const Window w = avg_pool_grad_window(call);
  const View& dx = call.out[0];
  launch(*call.host, grid_for(dx.size()), avg_pool_grad_kernel, call.in[0].f32(), dx.f32_out(),
         natural(dx.size()), windows(w, dx));
}

}  // namespace

void register_pool(KernelTable& table) {
  table.add("MaxPool", pool<Kind::max>);
  table.add("AvgPool", pool<Kind::average>);
  table.add("MaxPoolGrad", max_pool_grad);
  table.add("AvgPoolGrad", avg_pool_grad);
}

}  // namespace rareface::cuda
