// The arguments of an update by Adam.
#pragma once

#include "call.h"

namespace rareface {

// The scalars of a step, in the order of the first input; see ts/ops/adam.ts. They come as a tensor
// so that a recorded step can be run again with others. The factors of what is new come next to the
// decays since 1 - decay would lose digits in float.
struct AdamScalars {
  float rate, decay1, fresh1, decay2, fresh2, correction, epsilon;
};

// Inputs: scalars [7], then for n tensors all params, all gradients, all first and all second
// moments. Outputs: all params, all first and all second moments anew; each may be its input
// itself.
struct AdamArguments {
  int tensors;

  explicit AdamArguments(const Call& call) : tensors(call.out_count / 3) {
    const int n = tensors;
    require(call.in_count == 1 + 4 * n && call.out_count == 3 * n,
            "takes scalars and four lists, and gives three lists, of as many tensors each");
    require(call.in[0].size() == 7, "takes 7 scalars");
    for (int i = 0; i < call.in_count; ++i)
      require(call.in[i].dtype == DType::float32, "takes float32 only");
    for (int t = 0; t < n; ++t) {
      for (int list = 1; list < 4; ++list)
        require(call.in[1 + list * n + t].size() == size(call, t), "tensor ", t,
                " differs in size");
      for (int list = 0; list < 3; ++list)
        require(call.out[list * n + t].size() == size(call, t), "tensor ", t, " differs in size");
    }
  }
  std::int64_t size(const Call& call, int t) const { return call.in[1 + t].size(); }
  // Lists: params, gradients, first and second moments.
  const float* in(const Call& call, int list, int t) const {
    return call.in[1 + list * tensors + t].f32();
  }
  // Lists: params, first and second moments.
  float* out(const Call& call, int list, int t) const {
    return call.out[list * tensors + t].f32_out();
  }
};

}  // namespace rareface
