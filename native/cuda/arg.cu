// Where along an axis the extremes are.
#include "../arguments/arg.h"
#include "lanes.h"
#include "register.h"

namespace rareface::cuda {
namespace {

template <class T>
struct Candidate {
  T value;
  int at;
};

template <class T>
__device__ Candidate<T> from_lane(const Candidate<T>& c, unsigned offset) {
  return {cuda::from_lane(c.value, offset), cuda::from_lane(c.at, offset)};
}

// The better, and of equals the first.
template <class T, bool largest>
struct Better {
  __device__ Candidate<T> operator()(const Candidate<T>& a, const Candidate<T>& b) const {
    const bool beyond = largest ? b.value > a.value : b.value < a.value;
    return beyond || (b.value == a.value && b.at < a.at) ? b : a;
  }
};

// x: [outer][n][inner]. Every lane begins with the first element, so that a NaN there is never
// replaced, and NaNs after it never are taken.
template <class T, bool largest>
__global__ void __launch_bounds__(kThreads) arg_kernel(const T* x, std::int32_t* y, unsigned outer,
                                                       unsigned n, unsigned inner, Lanes lanes) {
  __shared__ Candidate<T> shared[kThreads];
  const Better<T, largest> better;
  const Place place(lanes, outer, inner);
  Candidate<T> best{T{}, 0};
  if (place.exists) {
    const T* p = x + std::int64_t{place.outer} * n * inner + place.column;
    best.value = p[0];
    for (unsigned k = place.lane; k < n; k += lanes.lanes())
      best = better(best, {p[std::int64_t{k} * inner], static_cast<int>(k)});
  }
  best = join_lanes(lanes, best, shared, better);
  if (place.exists && place.lane == 0)
    y[std::int64_t{place.outer} * inner + place.column] = best.at;
}

template <bool largest>
struct Run {
  template <class T>
  static void run(const Call& call, const ArgAxis& a) {
    if (a.outer * a.inner == 0) return;
    const Lanes lanes = Lanes::of(a.inner, a.n);
    launch(*call.host, {blocks_for(lanes.blocks(a.outer, a.inner), 1), kThreads},
           arg_kernel<T, largest>, static_cast<const T*>(call.in[0].data), call.out[0].i32_out(),
           natural(a.outer), natural(a.n), natural(a.inner), lanes);
  }
};

}  // namespace

void register_arg(KernelTable& table) {
  table.add("ArgMax", rareface::arg_kernel<Run<true>>);
  table.add("ArgMin", rareface::arg_kernel<Run<false>>);
}

}  // namespace rareface::cuda
