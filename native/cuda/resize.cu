// Resizing NHWC images, bilinear and to the nearest pixel, and the gradients, one thread an
// element: gradients gather what each pixel gets from the pixels that came from it.
#include "../arguments/resize.h"
#include "elementwise.h"
#include "register.h"

namespace rareface::cuda {
namespace {

struct Resize {
  ResizedAxis rows, columns;
  Divisor height, width, channels;  // of the image that there is a thread for each element of
};

struct Element {
  unsigned batch, y, x, channel;
  __device__ Element(const Resize& s, unsigned i) {
    channel = s.channels.remainder(i);
    x = s.width.remainder(i);
    y = s.height.remainder(i);
    batch = i;
  }
};

// Elements of channel 0, row y, column x of an image; the channel is added.
struct Image {
  const float* data;
  std::int64_t width;
  unsigned channels;
  __device__ Image(const float* all, const Element& e, std::int64_t height, std::int64_t width_,
                   unsigned channels_)
      : data(all + e.batch * height * width_ * channels_ + e.channel),
        width(width_),
        channels(channels_) {}
  __device__ float at(std::int64_t y, std::int64_t x) const {
    return data[(y * width + x) * channels];
  }
};

__global__ void bilinear_kernel(const float* x, float* y, unsigned size, Resize s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const Image image(x, e, s.rows.in, s.columns.in, s.channels.divisor);
    const BilinearSource v = bilinear_source(s.rows, e.y), h = bilinear_source(s.columns, e.x);
    const float tl = image.at(v.low, h.low), tr = image.at(v.low, h.high);
    const float bl = image.at(v.high, h.low), br = image.at(v.high, h.high);
    const float t = tl + (tr - tl) * h.weight, b = bl + (br - bl) * h.weight;
    y[i] = t + (b - t) * v.weight;
  });
}

__global__ void nearest_kernel(const float* x, float* y, unsigned size, Resize s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const Image image(x, e, s.rows.in, s.columns.in, s.channels.divisor);
    y[i] = image.at(nearest_source(s.rows, e.y), nearest_source(s.columns, e.x));
  });
}

// The weight of pixel `at` in the resized pixel i.
struct Bilinear {
  __device__ static float weight(const ResizedAxis& axis, std::int64_t i, std::int64_t at) {
    const BilinearSource s = bilinear_source(axis, i);
    return (s.low == at ? 1 - s.weight : 0.0f) + (s.high == at ? s.weight : 0.0f);
  }
};
struct Nearest {
  __device__ static float weight(const ResizedAxis& axis, std::int64_t i, std::int64_t at) {
    return nearest_source(axis, i) == at ? 1.0f : 0.0f;
  }
};

// Resized pixels that may come from pixel `at`: all that do, and some beside them.
struct Heirs {
  std::int64_t first, last;
  __device__ Heirs(const ResizedAxis& axis, std::int64_t at) : first(0), last(axis.out - 1) {
    if (!(axis.scale > 0)) return;
    const double span = 1.0 + axis.offset;
    if (at > 0) {
      const double from = std::floor((static_cast<double>(at) - span) / axis.scale) - 1;
      if (from > 0) first = static_cast<std::int64_t>(from);
    }
    if (at < axis.in - 1) {
      const double to = std::ceil((static_cast<double>(at) + span) / axis.scale) + 1;
      if (to < static_cast<double>(last)) last = static_cast<std::int64_t>(to);
    }
  }
};

template <class Kind>
__global__ void resize_grad_kernel(const float* dy, float* dx, unsigned size, Resize s) {
  for_each_small(size, [&](unsigned i) {
    const Element e(s, i);
    const Image image(dy, e, s.rows.out, s.columns.out, s.channels.divisor);
    const Heirs rows(s.rows, e.y), columns(s.columns, e.x);
    float sum = 0;
    for (std::int64_t row = rows.first; row <= rows.last; ++row) {
      const float v = Kind::weight(s.rows, row, e.y);
      if (v == 0) continue;
      for (std::int64_t column = columns.first; column <= columns.last; ++column) {
        const float h = Kind::weight(s.columns, column, e.x);
        if (h != 0) sum += image.at(row, column) * (v * h);
      }
    }
    dx[i] = sum;
  });
}

using ResizeKernel = void (*)(const float*, float*, unsigned, Resize);

// `before`, `after`: the image before it is resized and after.
void run(const Call& call, const View& before, const View& after, ResizeKernel kernel) {
  const ResizeOptions options(call);
  const View& y = call.out[0];
  if (y.size() == 0) return;
  natural(call.in[0].size());
  const Resize s{ResizedAxis(before.dims[1], after.dims[1], options),
                 ResizedAxis(before.dims[2], after.dims[2], options), Divisor(y.dims[1]),
                 Divisor(y.dims[2]), Divisor(y.dims[3])};
  launch(*call.host, grid_for(y.size()), kernel, call.in[0].f32(), y.f32_out(), natural(y.size()),
         s);
}

template <ResizeKernel kernel>
void forward(const Call& call) {
  run(call, call.in[0], call.out[0], kernel);
}
template <ResizeKernel kernel>
void backward(const Call& call) {
  run(call, call.out[0], call.in[0], kernel);
}

}  // namespace

void register_resize(KernelTable& table) {
  table.add("ResizeBilinear", forward<bilinear_kernel>);
  table.add("ResizeNearestNeighbor", forward<nearest_kernel>);
  table.add("ResizeBilinearGrad", backward<resize_grad_kernel<Bilinear>>);
  table.add("ResizeNearestNeighborGrad", backward<resize_grad_kernel<Nearest>>);
}

}  // namespace rareface::cuda
