// The arguments of an update by Adam.
#pragma once

#include <vector>

#include "call.h"

namespace rareface {

// The scalars of a step, in the order of the first input; see ts/ops/adam.ts. They come as a tensor
// so that a recorded step can be run again with others. The factors of what is new come next to the
// decays since 1 - decay would lose digits in float.
struct AdamScalars {
  float rate, decay1, fresh1, decay2, fresh2, correction, epsilon;
};

// Inputs: scalars [7], then for n tensors all params, all gradients, all first and all second
// moments, then second terms of some gradients. Attributes: of each of those, which tensor's it is.
// Outputs: all params, all first and all second moments anew; each may be its input itself.
class AdamArguments {
 public:
  struct Tensor {
    const float *p, *g, *m, *v;
    const float* more;  // the gradient is g + more, or g where this is null
    float *p_new, *m_new, *v_new;
    std::int64_t size;

    // Its elements begin .. begin + count.
    Tensor part(std::int64_t begin, std::int64_t count) const {
      return {p + begin,     g + begin,     m + begin,     v + begin, more ? more + begin : nullptr,
              p_new + begin, m_new + begin, v_new + begin, count};
    }
  };
  const float* scalars;
  std::vector<Tensor> tensors;

  explicit AdamArguments(const Call& call) {
    const int n = call.out_count / 3, more = call.attr_count;
    require(call.in_count == 1 + 4 * n + more && call.out_count == 3 * n,
            "takes scalars and four lists, and gives three lists, of as many tensors each");
    require(call.in[0].size() == 7, "takes 7 scalars");
    for (int i = 0; i < call.in_count; ++i)
      require(call.in[i].dtype == DType::float32, "takes float32 only");
    scalars = call.in[0].f32();
    for (int t = 0; t < n; ++t) {
      const std::int64_t size = call.in[1 + t].size();
      const auto in = [&](int list) { return sized(call.in[1 + list * n + t], size, t).f32(); };
      const auto out = [&](int list) { return sized(call.out[list * n + t], size, t).f32_out(); };
      tensors.push_back({in(0), in(1), in(2), in(3), nullptr, out(0), out(1), out(2), size});
    }
    for (int i = 0; i < more; ++i) {
      const std::int64_t t = call.attr_int(i);
      require(t >= 0 && t < n, "no tensor has the number ", t);
      Tensor& tensor = tensors[static_cast<std::size_t>(t)];
      require(!tensor.more, "the gradient of tensor ", t, " has more than two terms");
      tensor.more = sized(call.in[1 + 4 * n + i], tensor.size, t).f32();
    }
  }

 private:
  static const View& sized(const View& view, std::int64_t size, std::int64_t tensor) {
    require(view.size() == size, "tensor ", tensor, " differs in size");
    return view;
  }
};

}  // namespace rareface
