// Kernels that only move elements: each output index along an axis comes from one input index.
#pragma once

#include "call.h"
#include "portable.h"

namespace rareface {

// What an index beyond the input stands for.
enum class Beyond : std::int32_t {
  nothing = 0,  // there is none
  fill = 1,     // the fill value
  mirror = 2,   // the input mirrored at its edge
  wrap = 3,     // the input repeated
};

// Along one axis: output index i comes from begin + i * step, of which `beyond` makes an index of
// the input. Index: an integer that holds all of these.
template <class Index>
struct AxisMap {
  Index in = 1, out = 1;  // sizes
  Index begin = 0, step = 1;
  Index skip = 0;  // 1: a mirror leaves the edge out
  Beyond beyond = Beyond::nothing;

  // The input index, or -1 for the fill value.
  RAREFACE_PORTABLE Index from(Index i) const {
    Index at = begin + i * step;
    switch (beyond) {
      case Beyond::nothing:
        return at;
      case Beyond::fill:
        return at < 0 || at >= in ? -1 : at;
      case Beyond::mirror:
        if (at < 0) at = -at - 1 + skip;
        return at >= in ? 2 * in - 1 - skip - at : at;
      case Beyond::wrap:
        return at % in;
    }
    return at;
  }

  bool is_identity() const { return in == out && begin == 0 && step == 1; }
};

struct Moves {
  int rank = 0;
  AxisMap<std::int64_t> axes[kMaxRank];
  double fill = 0;  // on its way to the output's dtype
};

// set(map, axis) tells where elements come from, sizes being known.
template <class Set>
Moves moves(const Call& call, Set&& set) {
  require_arity(call, 1, 1);
  const View &x = call.in[0], &y = call.out[0];
  require(x.dtype == y.dtype, "the output's dtype must be the input's");
  require(x.rank == y.rank, "the output's rank must be the input's");
  Moves m;
  m.rank = y.rank;
  for (int axis = 0; axis < y.rank; ++axis) {
    AxisMap<std::int64_t>& map = m.axes[axis];
    map.in = x.dims[axis];
    map.out = y.dims[axis];
    set(map, axis);
    if (map.out == 0) continue;
    require(map.beyond != Beyond::wrap || map.in > 0, "axis ", axis, " is empty");
    // What lies between the ends lies within, whatever is beyond.
    for (const std::int64_t i : {std::int64_t{0}, map.out - 1}) {
      const std::int64_t from = map.from(i);
      require(from < map.in && (from >= 0 || map.beyond == Beyond::fill), "index ", from,
              " is out of range on axis ", axis);
    }
  }
  return m;
}

// Attributes: where the slice begins on each axis.
inline Moves slice_moves(const Call& call) {
  return moves(call, [&](auto& map, int axis) { map.begin = call.attr_int(axis); });
}

// Attributes: begin on each axis, then the stride on each axis (may be negative).
inline Moves strided_slice_moves(const Call& call) {
  const int rank = call.out[0].rank;
  return moves(call, [&](auto& map, int axis) {
    map.begin = call.attr_int(axis);
    map.step = map.out > 1 ? call.attr_int(rank + axis) : 1;
  });
}

// Attributes: elements added before each axis, then the value to fill with.
inline Moves pad_moves(const Call& call) {
  Moves m = moves(call, [&](auto& map, int axis) {
    map.begin = -call.attr_int(axis);
    map.beyond = Beyond::fill;
  });
  m.fill = call.attr(m.rank);
  return m;
}

// Attributes: elements added before each axis, then 1 to leave the edge out (reflect) or 0 to
// repeat it (symmetric).
inline Moves mirror_pad_moves(const Call& call) {
  const std::int64_t skip = call.attr_int(call.in[0].rank);
  return moves(call, [&](auto& map, int axis) {
    map.begin = -call.attr_int(axis);
    map.skip = skip;
    map.beyond = Beyond::mirror;
  });
}

inline Moves tile_moves(const Call& call) {
  return moves(call, [](auto& map, int) { map.beyond = Beyond::wrap; });
}

// Attributes: the axes to reverse.
inline Moves reverse_moves(const Call& call) {
  const View& x = call.in[0];
  bool reversed[kMaxRank] = {};
  for (int i = 0; i < call.attr_count; ++i) {
    const std::int64_t axis = call.attr_int(i);
    require(axis >= 0 && axis < x.rank, "axis ", axis, " is out of range");
    reversed[axis] = true;
  }
  return moves(call, [&](auto& map, int axis) {
    if (!reversed[axis]) return;
    map.begin = map.in - 1;
    map.step = -1;
  });
}

// The inputs of Concat as rows that lie side by side in the output's. Attribute: the axis.
struct Concatenation {
  std::int64_t rows = 1;
  std::int64_t row = 0;  // elements
  std::int64_t width(const View& x) const { return product(x.dims, axis, x.rank); }
  int axis = 0;
};

inline Concatenation concatenation(const Call& call) {
  require(call.in_count >= 1 && call.out_count == 1, "takes at least one input");
  const View& y = call.out[0];
  const std::int64_t axis = call.attr_int(0);
  require(axis >= 0 && axis < y.rank, "axis ", axis, " is out of range");
  Concatenation c;
  c.axis = static_cast<int>(axis);
  c.rows = product(y.dims, 0, c.axis);
  c.row = product(y.dims, c.axis, y.rank);
  std::int64_t total = 0;
  for (int k = 0; k < call.in_count; ++k) {
    const View& x = call.in[k];
    require(x.dtype == y.dtype, "all dtypes must be equal");
    require(x.rank == y.rank, "all ranks must be equal");
    for (int i = 0; i < y.rank; ++i)
      require(i == c.axis || x.dims[i] == y.dims[i], "the shapes differ on axis ", i);
    total += c.width(x);
  }
  require(total == c.row, "the output's axis must be as long as all inputs' together");
  return c;
}

}  // namespace rareface
