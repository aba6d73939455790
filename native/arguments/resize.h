// Resizing NHWC images: what its kernels take, and which pixels a pixel comes from.
#pragma once

#include <cmath>

#include "call.h"
#include "portable.h"

namespace rareface {

struct ResizeOptions {  // the attributes
  bool align_corners, half_pixel_centers;
  explicit ResizeOptions(const Call& call)
      : align_corners(call.attr(0) != 0), half_pixel_centers(call.attr(1) != 0) {
    require_arity(call, 1, 1);
    const View &x = call.in[0], &y = call.out[0];
    require(x.rank == 4 && y.rank == 4, "takes images of rank 4");
    require(x.dtype == DType::float32 && y.dtype == DType::float32, "takes float32 only");
    require(x.dims[0] == y.dims[0] && x.dims[3] == y.dims[3], "batch sizes or channels differ");
    require((x.size() > 0) == (y.size() > 0), "an image is empty");
  }
};

// Height or width, `in` pixels before and `out` after.
struct ResizedAxis {
  std::int64_t in, out;
  double scale;   // pixels before a pixel after
  double offset;  // of a pixel's centre
  bool align_corners;

  ResizedAxis(std::int64_t in, std::int64_t out, const ResizeOptions& o)
      : in(in), out(out), offset(o.half_pixel_centers ? 0.5 : 0.0), align_corners(o.align_corners) {
    const std::int64_t cut = o.align_corners && out > 1 ? 1 : 0;
    scale = static_cast<double>(in - cut) / static_cast<double>(out - cut);
  }
};

// Two indices and the second one's weight.
struct BilinearSource {
  std::int64_t low, high;
  float weight;
};

RAREFACE_PORTABLE inline BilinearSource bilinear_source(const ResizedAxis& axis, std::int64_t i) {
  const double at = axis.scale * (static_cast<double>(i) + axis.offset) - axis.offset;
  const auto low = static_cast<std::int64_t>(std::floor(at));
  const auto high = static_cast<std::int64_t>(std::ceil(at));
  const std::int64_t first = low > 0 ? low : 0;
  const std::int64_t second = high < axis.in ? high : axis.in - 1;
  // Before the first pixel's centre tfjs extrapolates to a weight below 0, on equal pixels.
  return {first, second > 0 ? second : 0, static_cast<float>(at - static_cast<double>(first))};
}

RAREFACE_PORTABLE inline std::int64_t nearest_source(const ResizedAxis& axis, std::int64_t i) {
  const double at = axis.scale * (static_cast<double>(i) + axis.offset);
  // floor(x + 0.5) is JavaScript's Math.round.
  const double near = axis.align_corners ? std::floor(at + 0.5) : std::floor(at);
  const auto index = static_cast<std::int64_t>(near);
  return index < 0 ? 0 : index >= axis.in ? axis.in - 1 : index;
}

}  // namespace rareface
