// Where along an axis the extremes are.
#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// Index of the first largest (or smallest) element along one axis. Attribute: the axis.
template <class T, bool largest>
void arg_extreme(const Call& call) {
  const View& x = call.in[0];
  const std::int64_t axis = call.attr_int(0);
  require(axis >= 0 && axis < x.rank, "axis ", axis, " is out of range");
  const std::int64_t outer = product(x.dims, 0, static_cast<int>(axis));
  const std::int64_t n = x.dims[axis];
  const std::int64_t inner = product(x.dims, static_cast<int>(axis) + 1, x.rank);
  require(call.out[0].size() == outer * inner, "the output's size should be ", outer * inner);
  require(n > 0 || outer * inner == 0, "the axis is empty");
  const T* data = static_cast<const T*>(x.data);
  std::int32_t* y = call.out[0].i32_out();
  for_rows(call, outer * inner, n, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; ++o) {
      const T* p = data + o / inner * n * inner + o % inner;
      T best = p[0];
      std::int32_t at = 0;
      for (std::int64_t k = 1; k < n; ++k) {
        const T value = p[k * inner];
        if (largest ? value > best : value < best) {
          best = value;
          at = static_cast<std::int32_t>(k);
        }
      }
      y[o] = at;
    }
  });
}

template <bool largest>
void arg_kernel(const Call& call) {
  require_arity(call, 1, 1);
  require(call.out[0].dtype == DType::int32, "gives int32");
  switch (call.in[0].dtype) {
    case DType::float32:
      return arg_extreme<float, largest>(call);
    case DType::int32:
      return arg_extreme<std::int32_t, largest>(call);
    case DType::boolean:
      return arg_extreme<std::uint8_t, largest>(call);
  }
}

}  // namespace

void register_arg(KernelTable& table) {
  table.add("ArgMax", arg_kernel<true>);
  table.add("ArgMin", arg_kernel<false>);
}

}  // namespace rareface::cpu
