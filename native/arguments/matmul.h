// The arguments of products of stacks of matrices.
#pragma once

#include <algorithm>

#include "call.h"

namespace rareface {

// `count` products of a [rows, k] and b [k, cols], each transposed in memory if said so, in dense
// stacks; those of a and b broadcast to that of the result.
struct MatrixProducts {
  std::int64_t count, rows, k, cols;
  bool transpose_a, transpose_b;
  bool ints;

  // Where the factors of product `index` lie in their stacks.
  std::int64_t a_at(const Call& call, std::int64_t index) const {
    return matrix_of(call.in[0], call.out[0], index) * rows * k;
  }
  std::int64_t b_at(const Call& call, std::int64_t index) const {
    return matrix_of(call.in[1], call.out[0], index) * k * cols;
  }

 private:
  // The number of the matrix of `v` that broadcasts to matrix `index` of the result.
  static std::int64_t matrix_of(const View& v, const View& out, std::int64_t index) {
    std::int64_t number = 0, stride = 1;
    for (int i = out.rank - 3; i >= 0; --i) {
      const std::int64_t at = index % out.dims[i];
      index /= out.dims[i];
      const int own = i - (out.rank - v.rank);
      if (own < 0) continue;
      if (v.dims[own] != 1) number += at * stride;
      stride *= v.dims[own];
    }
    return number;
  }
};

// Inputs a and b, output; attributes: transpose a, transpose b. Throws where they do not fit.
inline MatrixProducts matrix_products(const Call& call) {
  const View &a = call.in[0], &b = call.in[1], &out = call.out[0];
  const auto check = [&](const View& v, const char* what) {
    require(v.rank >= 2 && v.rank <= out.rank, what, " has rank ", v.rank);
    for (int i = 0; i < v.rank - 2; ++i) {
      const std::int64_t n = out.dims[i + out.rank - v.rank];
      require(v.dims[i] == n || v.dims[i] == 1, what, " does not broadcast to the result");
    }
  };
  check(a, "a");
  check(b, "b");
  const bool ints = a.dtype == DType::int32;
  require(ints || a.dtype == DType::float32, "takes float32 or int32");
  require(a.dtype == b.dtype && a.dtype == out.dtype, "takes one dtype");
  const bool ta = call.attr(0) != 0.0, tb = call.attr(1) != 0.0;
  const auto last = [](const View& v, int i) { return v.dims[v.rank - i]; };
  MatrixProducts p{.count = product(out.dims, 0, out.rank - 2),
                   .rows = last(out, 2),
                   .k = last(a, ta ? 2 : 1),
                   .cols = last(out, 1),
                   .transpose_a = ta,
                   .transpose_b = tb,
                   .ints = ints};
  require(
      last(a, ta ? 1 : 2) == p.rows && last(b, tb ? 1 : 2) == p.k && last(b, tb ? 2 : 1) == p.cols,
      "the matrices' sizes do not fit");
  if (!ta && product(b.dims, 0, b.rank - 2) == 1 && a.size() == p.count * p.rows * p.k) {
    p.rows *= p.count;  // one tall product
    p.count = std::min<std::int64_t>(p.count, 1);
  }
  return p;
}

}  // namespace rareface
