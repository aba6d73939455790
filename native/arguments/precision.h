// Which products follow the precision of their call.
#pragma once

#include "../runtime/kernel.h"

namespace rareface {

// How the factors of a product over `depth` channels to `cols` of them are rounded. Few channels,
// which are images and their like, stay float32: there is little to gain, and the most to lose.
inline Precision product_precision(const Host& host, std::int64_t depth, std::int64_t cols) {
  constexpr std::int64_t kMinChannels = 8;
  return depth >= kMinChannels && cols >= kMinChannels ? host.precision() : Precision::float32;
}

}  // namespace rareface
