// Elementwise functions of two tensors, with broadcasting.
#include <type_traits>

#include "../arguments/binary.h"
#include "../arguments/broadcast.h"
#include "elementwise.h"
#include "register.h"

namespace rareface::cuda {
namespace {

template <class T, class R>
struct Operands {
  const T* a;
  const T* b;
  R* y;
  std::int64_t size;
  int step_a, step_b;  // along a row: 1, or 0 where an operand stands still
  int outer = 0;       // dimensions before the row's; a result without any is one row
  Divisor row;
  Divisor dims[kMaxRank];
  int strides_a[kMaxRank], strides_b[kMaxRank];

  // Where the operands of element i are.
  __device__ void find(std::int64_t i, std::int64_t& at_a, std::int64_t& at_b) const {
    at_a = i * step_a;
    at_b = i * step_b;
    if (outer == 0) return;
    unsigned rest = static_cast<unsigned>(i);
    const unsigned column = row.remainder(rest);
    at_a = column * step_a;
    at_b = column * step_b;
    for (int k = outer - 1; k >= 0; --k) {
      const auto index = static_cast<int>(dims[k].remainder(rest));
      at_a += index * strides_a[k];
      at_b += index * strides_b[k];
    }
  }
};

template <class Op, class T, class R>
__global__ void combine_kernel(Operands<T, R> s) {
  for_each(s.size, [&](std::int64_t i) {
    std::int64_t at_a, at_b;
    s.find(i, at_a, at_b);
    s.y[i] = Op::apply(s.a[at_a], s.b[at_b]);
  });
}

template <class T>
__device__ Pack<T> load(const T* p, int step) {
  if (step) return *reinterpret_cast<const Pack<T>*>(p);
  return {{*p, *p, *p, *p}};
}

// The same for rows of whole packs.
template <class Op, class T, class R>
__global__ void combine_packs_kernel(Operands<T, R> s) {
  for_each(s.size / 4, [&](std::int64_t i) {
    std::int64_t at_a, at_b;
    s.find(4 * i, at_a, at_b);
    const Pack<T> a = load(s.a + at_a, s.step_a), b = load(s.b + at_b, s.step_b);
    Pack<R> y;
    for (int k = 0; k < 4; ++k) y.v[k] = Op::apply(a.v[k], b.v[k]);
    reinterpret_cast<Pack<R>*>(s.y)[i] = y;
  });
}

// x^2 needs no pow, and gives the same.
struct Pow : ops::Pow {
  using ops::Pow::apply;
  __device__ static float apply(float a, float b) {
    return b == 2.0f ? a * a : ops::Pow::apply(a, b);
  }
};

template <class Op, class T, class R>
void combine(const Call& call) {
  Operands<T, R> s{};
  s.a = static_cast<const T*>(call.in[0].data);
  s.b = static_cast<const T*>(call.in[1].data);
  s.y = static_cast<R*>(call.out[0].data);
  s.size = call.out[0].size();
  if (s.size == 0) return;
  const Broadcast shape = broadcast(call.in[0], call.in[1], call.out[0]);
  s.outer = shape.rank - 1;
  s.step_a = shape.a[s.outer] ? 1 : 0;
  s.step_b = shape.b[s.outer] ? 1 : 0;
  const std::int64_t row = shape.dims[s.outer];
  if (s.outer > 0) {
    natural(s.size);
    s.row = Divisor(row);
    for (int k = 0; k < s.outer; ++k) {
      s.dims[k] = Divisor(shape.dims[k]);
      s.strides_a[k] = small(shape.a[k]);
      s.strides_b[k] = small(shape.b[k]);
    }
  }
  // What training is made of; all else is rare, and not worth compiling twice.
  if constexpr (!Op::kCostly && std::is_same_v<T, float> && std::is_same_v<R, float>) {
    const bool packs =
        packable<R>(row, s.y) && packable<T>(0, s.step_a ? s.a : nullptr, s.step_b ? s.b : nullptr);
    if (packs) return launch(*call.host, grid_for(s.size / 4), combine_packs_kernel<Op, T, R>, s);
  }
  launch(*call.host, grid_for(s.size), combine_kernel<Op, T, R>, s);
}

struct Run {
  template <class Op, class T, class R>
  static void run(const Call& call) {
    if constexpr (std::is_same_v<Op, ops::Pow>)
      combine<Pow, T, R>(call);
    else
      combine<Op, T, R>(call);
  }
};

constexpr int kTerms = 16;  // that a launch of AddN takes

template <class T>
struct Terms {
  const T* x[kTerms];
  int count;
};

template <class T>
__global__ void add_kernel(Terms<T> terms, T* y, std::int64_t size) {
  for_each(size, [&](std::int64_t i) {
    T sum = terms.x[0][i];
    for (int k = 1; k < terms.count; ++k) sum = ops::Add::apply(sum, terms.x[k][i]);
    y[i] = sum;
  });
}

template <class T>
__global__ void add_packs_kernel(Terms<T> terms, T* y, std::int64_t packs) {
  const auto pack = [](auto* p, std::int64_t i) { return reinterpret_cast<const Pack<T>*>(p)[i]; };
  for_each(packs, [&](std::int64_t i) {
    Pack<T> sum = pack(terms.x[0], i);
    for (int k = 1; k < terms.count; ++k) {
      const Pack<T> x = pack(terms.x[k], i);
      for (int j = 0; j < 4; ++j) sum.v[j] = ops::Add::apply(sum.v[j], x.v[j]);
    }
    reinterpret_cast<Pack<T>*>(y)[i] = sum;
  });
}

template <class T>
void add_terms(const Call& call, T* y) {
  const std::int64_t size = call.out[0].size();
  Terms<T> terms{};
  bool packs = packable<T>(size, y);
  for (int k = 0; k < call.in_count;) {
    if (k > 0) terms = {{y}, 1};  // the sum so far
    while (k < call.in_count && terms.count < kTerms) {
      const T* x = static_cast<const T*>(call.in[k++].data);
      terms.x[terms.count++] = x;
      packs = packs && packable<T>(0, x);
    }
    if (packs)
      launch(*call.host, grid_for(size / 4), add_packs_kernel<T>, terms, y, size / 4);
    else
      launch(*call.host, grid_for(size), add_kernel<T>, terms, y, size);
  }
}

// The sum of any number of tensors of one shape, in the order given.
void add_n(const Call& call) {
  check_add_n(call);
  if (call.out[0].dtype == DType::float32)
    add_terms(call, call.out[0].f32_out());
  else
    add_terms(call, call.out[0].i32_out());
}

}  // namespace

void register_binary(KernelTable& table) {
  BinaryKernels<Run>::add_to(table);
  table.add("AddN", add_n);
}

}  // namespace rareface::cuda
