// Pooling over NHWC images, and its gradients, a thread for one channel or four of a pixel:
// gradients gather what each pixel gets from the windows that it is in.
#include <limits>
#include <type_traits>

#include "../arguments/pool.h"
#include "pack.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// One direction of the windows.
struct Extent {
  int in, out, stride, dilation, filter, pad;
  Divisor size, step;  // of what there is a thread for; the stride

  // Where the window of output `at` begins.
  __device__ int begin(int at) const { return at * stride - pad; }
  // body(out) for the outputs whose windows `at` is in, in order.
  template <class Body>
  __device__ void for_windows(int at, Body&& body) const {
    for (int f = filter - 1; f >= 0; --f) {
      const int from = at + pad - f * dilation;
      if (from < 0) continue;
      const auto o = static_cast<int>(step.divide(static_cast<unsigned>(from)));
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
  Divisor channel;
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

template <Kind kind, int N>
__global__ void pool_kernel(const Floats<N>* x, Floats<N>* y, unsigned size, Windows s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const Floats<N>* image = x + e.batch * s.h.in * s.w.in * s.channels + e.channel;
    Floats<N> result;
    for (float& r : result.v)
      r = kind == Kind::max ? -std::numeric_limits<float>::infinity() : 0.0f;
    s.h.for_pixels(e.y, [&](int row) {
      s.w.for_pixels(e.x, [&](int column) {
        const Floats<N> value = image[(row * s.w.in + column) * s.channels];
        for (int k = 0; k < N; ++k) {
          if constexpr (kind == Kind::max)
            result.v[k] = value.v[k] > result.v[k] ? value.v[k] : result.v[k];
          else
            result.v[k] += value.v[k];
        }
      });
    });
    if constexpr (kind == Kind::average)
      for (float& r : result.v) r /= static_cast<float>(s.h.count(e.y) * s.w.count(e.x));
    y[i] = result;
  });
}

// The first of equal maxima takes the gradient, as in tfjs.
template <int N>
__global__ void max_pool_grad_kernel(const Floats<N>* dy, const Floats<N>* x, Floats<N>* dx,
                                     unsigned size, Windows s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const Floats<N>* image = x + e.batch * s.h.in * s.w.in * s.channels + e.channel;
    const Floats<N>* gradients = dy + e.batch * s.h.out * s.w.out * s.channels + e.channel;
    const int here = e.y * s.w.in + e.x;
    Floats<N> sum{};
    s.h.for_windows(e.y, [&](int out_y) {
      s.w.for_windows(e.x, [&](int out_x) {
        float best[N];
        int at[N];
        for (int k = 0; k < N; ++k) {
          best[k] = -std::numeric_limits<float>::infinity();
          at[k] = -1;
        }
        s.h.for_pixels(out_y, [&](int row) {
          s.w.for_pixels(out_x, [&](int column) {
            const int pixel = row * s.w.in + column;
            const Floats<N> value = image[pixel * s.channels];
            for (int k = 0; k < N; ++k) {
              const bool larger = value.v[k] > best[k];
              best[k] = larger ? value.v[k] : best[k];
              at[k] = larger ? pixel : at[k];
            }
          });
        });
        const Floats<N> gradient = gradients[(out_y * s.w.out + out_x) * s.channels];
        for (int k = 0; k < N; ++k) sum.v[k] += at[k] == here ? gradient.v[k] : 0.0f;
      });
    });
    dx[i] = sum;
  });
}

// Each pixel gets its share of its windows' means.
template <int N>
__global__ void avg_pool_grad_kernel(const Floats<N>* dy, Floats<N>* dx, unsigned size, Windows s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const Floats<N>* gradients = dy + e.batch * s.h.out * s.w.out * s.channels + e.channel;
    Floats<N> sum{};
    s.h.for_windows(e.y, [&](int out_y) {
      s.w.for_windows(e.x, [&](int out_x) {
        const float share = 1.0f / static_cast<float>(s.h.count(out_y) * s.w.count(out_x));
        const Floats<N> gradient = gradients[(out_y * s.w.out + out_x) * s.channels];
        for (int k = 0; k < N; ++k) sum.v[k] += gradient.v[k] * share;
      });
    });
    dx[i] = sum;
  });
}

// `elements`: the tensor that there is a thread for each element of.
template <int N>
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
                  small(filter), small(pad), Divisor(size), Divisor(stride)};
  };
  return {extent(w.in_h, w.out_h, w.stride_h, w.dilation_h, w.filter_h, w.pad_h, elements.dims[1]),
          extent(w.in_w, w.out_w, w.stride_w, w.dilation_w, w.filter_w, w.pad_w, elements.dims[2]),
          small(w.channels / N), Divisor(w.channels / N)};
}

template <int N>
const Floats<N>* channels_in(const View& view) {
  return static_cast<const Floats<N>*>(view.data);
}
template <int N>
Floats<N>* channels_out(const View& view) {
  return static_cast<Floats<N>*>(view.data);
}

template <Kind kind>
void pool(const Call& call) {
  const Window w = pool_window(call);
  const View &x = call.in[0], &y = call.out[0];
  with_width(packable<float>(w.channels, x.data, y.data),
             [&]<int N>(std::integral_constant<int, N>) {
               launch(*call.host, grid_for(y.size() / N), pool_kernel<kind, N>, channels_in<N>(x),
                      channels_out<N>(y), natural(y.size() / N), windows<N>(w, y));
             });
}

void max_pool_grad(const Call& call) {
  const Window w = max_pool_grad_window(call);
  const View &dy = call.in[0], &x = call.in[1], &dx = call.out[0];
  with_width(packable<float>(w.channels, dy.data, x.data, dx.data),
             [&]<int N>(std::integral_constant<int, N>) {
               launch(*call.host, grid_for(dx.size() / N), max_pool_grad_kernel<N>,
                      channels_in<N>(dy), channels_in<N>(x), channels_out<N>(dx),
                      natural(dx.size() / N), windows<N>(w, x));
             });
}

void avg_pool_grad(const Call& call) {
  const Window w = avg_pool_grad_window(call);
  const View &dy = call.in[0], &dx = call.out[0];
  with_width(
      packable<float>(w.channels, dy.data, dx.data), [&]<int N>(std::integral_constant<int, N>) {
        launch(*call.host, grid_for(dx.size() / N), avg_pool_grad_kernel<N>, channels_in<N>(dy),
               channels_out<N>(dx), natural(dx.size() / N), windows<N>(w, dx));
      });
}

}  // namespace

void register_pool(KernelTable& table) {
  table.add("MaxPool", pool<Kind::max>);
  table.add("AvgPool", pool<Kind::average>);
  table.add("MaxPoolGrad", max_pool_grad);
  table.add("AvgPoolGrad", avg_pool_grad);
}

}  // namespace rareface::cuda
