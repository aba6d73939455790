// Where along an axis the extremes are.
#include "../arguments/arg.h"

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

template <bool largest>
struct Run {
  template <class T>
  static void run(const Call& call, const ArgAxis& axis) {
    const std::int64_t outer = axis.outer, n = axis.n, inner = axis.inner;
    const T* data = static_cast<const T*>(call.in[0].data);
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
};

}  // namespace

void register_arg(KernelTable& table) {
  table.add("ArgMax", arg_kernel<Run<true>>);
  table.add("ArgMin", arg_kernel<Run<false>>);
}

}  // namespace rareface::cpu
