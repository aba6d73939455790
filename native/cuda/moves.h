// Moves of elements as a kernel sees them: axes merged, divisors prepared, as wide as memory
// allows.
#pragma once

#include "../arguments/movement.h"
#include "elementwise.h"

namespace rareface::cuda {

// Axes of the output, of which neighbours that move as one are one. `stride`: elements of the input
// from one index to the next.
struct MovedAxes {
  struct Axis {
    AxisMap<std::int64_t> map;
    std::int64_t stride = 1;
  };
  int rank = 0;
  Axis axes[kMaxRank];  // the innermost first

  explicit MovedAxes(const Moves& moves) {
    std::int64_t stride = 1;
    for (int i = moves.rank - 1; i >= 0; --i) {
      AxisMap<std::int64_t> map = moves.axes[i];
      const std::int64_t size = map.in;
      if (rank > 0 && axes[rank - 1].map.is_identity() && map.step == 1 &&
          map.beyond != Beyond::mirror) {
        Axis& inner = axes[rank - 1];
        const std::int64_t unit = inner.map.in;
        map.in *= unit;
        map.out *= unit;
        map.begin *= unit;
        inner.map = map;
      } else if (size != 1 || !map.is_identity()) {
        axes[rank++] = {map, stride};
      }
      stride *= size;
    }
  }
  MovedAxes() = default;

  // Whether `n` elements move as one: the innermost axis is one of whole units.
  bool in_units_of(int n) const {
    const AxisMap<std::int64_t>& map = axes[0].map;
    bool whole = rank > 0 && map.step == 1 && map.beyond != Beyond::mirror && map.in % n == 0 &&
                 map.out % n == 0 && map.begin % n == 0 && axes[0].stride == 1;
    for (int k = 1; k < rank; ++k) whole = whole && axes[k].stride % n == 0;
    return whole;
  }
  // The same with n elements taken for one.
  MovedAxes of_units(int n) const {
    MovedAxes m = *this;
    m.axes[0].map.in /= n;
    m.axes[0].map.out /= n;
    m.axes[0].map.begin /= n;
    for (int k = 1; k < rank; ++k) m.axes[k].stride /= n;
    return m;
  }
};

// y[i] = x[where i comes from], or `fill`; T of 1, 4 or 16 bytes.
template <class T>
void move(const Host& host, const MovedAxes& axes, const T* x, T* y, std::int64_t size, T fill);
extern template void move(const Host&, const MovedAxes&, const std::uint8_t*, std::uint8_t*,
                          std::int64_t, std::uint8_t);
extern template void move(const Host&, const MovedAxes&, const std::uint32_t*, std::uint32_t*,
                          std::int64_t, std::uint32_t);

}  // namespace rareface::cuda
