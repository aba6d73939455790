// Numpy broadcasting: the shapes of two operands brought to as few dimensions as they need.
#pragma once

#include "call.h"

namespace rareface {

// Dimensions of the result with neighbours merged wherever both operands allow it, and each
// operand's stride in elements (0 where it is repeated). At least one dimension.
struct Broadcast {
  int rank = 0;
  std::int64_t dims[kMaxRank] = {};
  std::int64_t a[kMaxRank] = {};
  std::int64_t b[kMaxRank] = {};
};

inline Broadcast broadcast(const View& a, const View& b, const View& out) {
  // Right-aligned dimensions of an operand, 1 where it has none.
  const auto dim = [&](const View& v, int i) {
    const int at = i - (out.rank - v.rank);
    return at < 0 ? std::int64_t{1} : v.dims[at];
  };
  Broadcast r;
  bool last_a = false, last_b = false;
  for (int i = 0; i < out.rank; ++i) {
    const std::int64_t n = out.dims[i], na = dim(a, i), nb = dim(b, i);
    require((na == n || na == 1) && (nb == n || nb == 1),
            "operands do not broadcast to the result");
    if (n == 1) continue;
    const bool has_a = na != 1, has_b = nb != 1;
    if (r.rank > 0 && has_a == last_a && has_b == last_b) {
      r.dims[r.rank - 1] *= n;
    } else {
      r.dims[r.rank] = n;
      r.a[r.rank] = has_a;
      r.b[r.rank] = has_b;
      ++r.rank;
    }
    last_a = has_a;
    last_b = has_b;
  }
  if (r.rank == 0) {
    r.rank = 1;
    r.dims[0] = 1;
    r.a[0] = r.b[0] = 1;
  }
  std::int64_t stride_a = 1, stride_b = 1;
  for (int i = r.rank - 1; i >= 0; --i) {
    if (r.a[i]) {
      r.a[i] = stride_a;
      stride_a *= r.dims[i];
    }
    if (r.b[i]) {
      r.b[i] = stride_b;
      stride_b *= r.dims[i];
    }
  }
  return r;
}

}  // namespace rareface
