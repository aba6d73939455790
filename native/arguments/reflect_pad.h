// The arguments of reflection padding and of its gradient.
#pragma once

#include "call.h"

namespace rareface {

struct ReflectPadSizes {
  std::int64_t batch, height, width, channels, pad, padded_height, padded_width;
};

// image [N, H, W, C], padded [N, H + 2 pad, W + 2 pad, C]; attribute: pad. Throws where they do not
// fit.
inline ReflectPadSizes reflect_pad_sizes(const Call& call, const View& image, const View& padded) {
  require_arity(call, 1, 1);
  require(image.rank == 4 && padded.rank == 4, "takes tensors of rank 4");
  require(image.dtype == DType::float32 && padded.dtype == DType::float32, "takes float32 only");
  const std::int64_t pad = call.attr_int(0);
  const ReflectPadSizes s{image.dims[0], image.dims[1],  image.dims[2], image.dims[3],
                          pad,           padded.dims[1], padded.dims[2]};
  require(pad >= 0 && pad < s.height && pad < s.width, "a pad of ", pad,
          " must be less than height and width");
  require(padded.dims[0] == s.batch && padded.dims[3] == s.channels &&
              s.padded_height == s.height + 2 * pad && s.padded_width == s.width + 2 * pad,
          "the padded image's size is wrong");
  return s;
}

}  // namespace rareface
