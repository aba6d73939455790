// Transpositions, with as few dimensions as they need.
#pragma once

#include "call.h"

namespace rareface {

struct Permuted {  // output dimensions, neighbours merged; the input's stride behind each
  int rank = 0;
  std::int64_t dims[kMaxRank] = {};
  std::int64_t strides[kMaxRank] = {};
};

// Attributes: the input axis behind each output axis.
inline Permuted permuted(const Call& call) {
  require_arity(call, 1, 1);
  const View& x = call.in[0];
  require(x.dtype == call.out[0].dtype && x.rank == call.out[0].rank,
          "the output's dtype and rank must be the input's");
  Permuted p;
  bool seen[kMaxRank] = {};
  std::int64_t previous = -2;
  for (int i = 0; i < x.rank; ++i) {
    const std::int64_t axis = call.attr_int(i);
    require(axis >= 0 && axis < x.rank && !seen[axis], "the permutation is not one");
    seen[axis] = true;
    require(call.out[0].dims[i] == x.dims[axis], "the output's shape does not fit");
    if (x.dims[axis] == 1) continue;
    const std::int64_t stride = product(x.dims, static_cast<int>(axis) + 1, x.rank);
    const bool follows =
        p.rank > 0 &&
        product(x.dims, static_cast<int>(previous) + 1, static_cast<int>(axis)) == 1 &&
        axis > previous;
    if (follows) {
      p.dims[p.rank - 1] *= x.dims[axis];
      p.strides[p.rank - 1] = stride;
    } else {
      p.dims[p.rank] = x.dims[axis];
      p.strides[p.rank++] = stride;
    }
    previous = axis;
  }
  if (p.rank == 0) {
    p.rank = 1;
    p.dims[0] = p.strides[0] = 1;
  }
  return p;
}

}  // namespace rareface
