// The epilogue of a fused kernel's call.
#pragma once

#include "blocks.h"
#include "epilogue.h"

namespace rareface::cpu {

// See arguments/epilogue.h.
inline Epilogue epilogue_of(const Call& call, int input, int attr, std::int64_t channels) {
  return rareface::epilogue_of(
      call, input, attr, channels, [&](const float* value, std::int64_t count) {
        auto* values = static_cast<float*>(
            call.host->scratch(static_cast<std::size_t>(count) * sizeof(float)));
        std::fill_n(values, count, *value);
        return values;
      });
}

}  // namespace rareface::cpu
