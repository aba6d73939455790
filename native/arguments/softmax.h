// Softmax over the last dimension: what it takes.
#pragma once

#include "call.h"

namespace rareface {

struct SoftmaxRows {
  std::int64_t rows, n;
};

inline SoftmaxRows softmax_rows(const Call& call) {
  require_arity(call, 1, 1);
  const View& x = call.in[0];
  require(x.dtype == DType::float32 && call.out[0].dtype == DType::float32, "takes float32 only");
  require(x.rank >= 1, "takes a tensor of rank 1 or more");
  require(x.size() == call.out[0].size(), "sizes differ");
  return {product(x.dims, 0, x.rank - 1), x.dims[x.rank - 1]};
}

}  // namespace rareface
