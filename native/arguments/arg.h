// Where along an axis the extremes are: what these kernels take.
#pragma once

#include "call.h"

namespace rareface {

struct ArgAxis {
  std::int64_t outer, n, inner;
};

// Index of the first largest (or smallest) element along one axis, by Run's
// `template <class T> static void run(const Call&, const ArgAxis&)`. No element is larger than a
// NaN, nor is a NaN larger than any. Attribute: the axis.
template <class Run>
void arg_kernel(const Call& call) {
  require_arity(call, 1, 1);
  require(call.out[0].dtype == DType::int32, "gives int32");
  const View& x = call.in[0];
  const std::int64_t axis = call.attr_int(0);
  require(axis >= 0 && axis < x.rank, "axis ", axis, " is out of range");
  const ArgAxis a{product(x.dims, 0, static_cast<int>(axis)), x.dims[axis],
                  product(x.dims, static_cast<int>(axis) + 1, x.rank)};
  const std::int64_t outputs = a.outer * a.inner;
  require(call.out[0].size() == outputs, "the output's size should be ", outputs);
  require(a.n > 0 || outputs == 0, "the axis is empty");
  switch (x.dtype) {
    case DType::float32:
      return Run::template run<float>(call, a);
    case DType::int32:
      return Run::template run<std::int32_t>(call, a);
    case DType::boolean:
      return Run::template run<std::uint8_t>(call, a);
  }
}

}  // namespace rareface
