// Copies of pixels between tensors of different strides.
#pragma once

#include <cstdint>

namespace rareface {

struct PixelCopy {
  std::int64_t pixels = 0, channels = 0;
  const float* from = nullptr;
  std::int64_t from_stride = 0;
  float* to = nullptr;
  std::int64_t to_stride = 0;
};

}  // namespace rareface
