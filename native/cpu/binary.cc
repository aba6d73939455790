// Elementwise functions of two tensors, with broadcasting.
#include "../arguments/binary.h"

#include <type_traits>

#include "../arguments/broadcast.h"
#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

template <class Op>
constexpr std::int64_t kGrain = Op::kCostly ? kCostlyGrain : kCheapGrain;

template <class T>
const T* input(const View& v) {
  return static_cast<const T*>(v.data);
}

// body(row, offset_a, offset_b) for each row (all but the last dimension) in [begin, end).
template <class F>
void for_broadcast_rows(const Broadcast& s, std::int64_t begin, std::int64_t end, F&& body) {
  const int outer = s.rank - 1;
  std::int64_t index[kMaxRank] = {};
  std::int64_t at_a = 0, at_b = 0, rest = begin;
  for (int i = outer - 1; i >= 0; --i) {
    index[i] = rest % s.dims[i];
    rest /= s.dims[i];
    at_a += index[i] * s.a[i];
    at_b += index[i] * s.b[i];
  }
  for (std::int64_t row = begin; row < end; ++row) {
    body(row, at_a, at_b);
    for (int i = outer - 1; i >= 0; --i) {
      at_a += s.a[i];
      at_b += s.b[i];
      if (++index[i] < s.dims[i]) break;
      at_a -= index[i] * s.a[i];
      at_b -= index[i] * s.b[i];
      index[i] = 0;
    }
  }
}

// The three inner loops: both operands run, or one of them stands still.
template <class Op, class T, class R>
struct Loops {
  static void both(const T* a, const T* b, R* y, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = Op::apply(a[i], b[i]);
  }
  static void left(const T* a, T b, R* y, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = Op::apply(a[i], b);
  }
  static void right(T a, const T* b, R* y, std::int64_t n) {
#pragma omp simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = Op::apply(a, b[i]);
  }
};

// A short row that repeats (a bias over few channels) is written out this long once, so that the
// inner loop stays long.
constexpr std::int64_t kShortRow = 128;
constexpr std::int64_t kLongRow = 1024;

template <class Op, class T, class R>
void combine(const Call& call) {
  using L = Loops<Op, T, R>;
  const T* a = input<T>(call.in[0]);
  const T* b = input<T>(call.in[1]);
  R* y = static_cast<R*>(call.out[0].data);
  const std::int64_t size = call.out[0].size();
  if (size == 0) return;
  const Broadcast s = broadcast(call.in[0], call.in[1], call.out[0]);
  const std::int64_t n = s.dims[s.rank - 1];
  const std::int64_t step_a = s.a[s.rank - 1], step_b = s.b[s.rank - 1];
  const auto row = [&](const T* pa, const T* pb, R* py, std::int64_t count) {
    if (step_a && step_b)
      L::both(pa, pb, py, count);
    else if (step_a)
      L::left(pa, *pb, py, count);
    else if (step_b)
      L::right(*pa, pb, py, count);
    else
      std::fill(py, py + count, static_cast<R>(Op::apply(*pa, *pb)));
  };
  if (s.rank == 1) {
    for_blocks(call, n, kGrain<Op>, [&](std::int64_t begin, std::int64_t end) {
      row(a + begin * step_a, b + begin * step_b, y + begin, end - begin);
    });
    return;
  }
  if (s.rank == 2 && n <= kShortRow && step_a && step_b && (s.a[0] == 0 || s.b[0] == 0)) {
    const bool repeats_a = s.a[0] == 0;
    const T* source = repeats_a ? a : b;
    const std::int64_t period = kLongRow / n * n;
    T repeated[kLongRow];
    for (std::int64_t i = 0; i < period; ++i) repeated[i] = source[i % n];
    for_blocks(call, size, kGrain<Op> / period * period + period,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; i += period) {
                   const std::int64_t count = std::min(period, end - i);
                   if (repeats_a)
                     L::both(repeated, b + i, y + i, count);
                   else
                     L::both(a + i, repeated, y + i, count);
                 }
               });
    return;
  }
  const std::int64_t rows = size / n;
  if (n >= kGrain<Op>) {  // long rows: cut each
    const std::int64_t pieces = ceil_div(n, kGrain<Op>);
    auto piece = [&](std::int64_t i) {
      const std::int64_t r = i / pieces, begin = i % pieces * kGrain<Op>;
      const std::int64_t end = std::min(n, begin + kGrain<Op>);
      for_broadcast_rows(s, r, r + 1, [&](std::int64_t, std::int64_t at_a, std::int64_t at_b) {
        row(a + at_a + begin * step_a, b + at_b + begin * step_b, y + r * n + begin, end - begin);
      });
    };
    call.host->parallel(rows * pieces, piece);
    return;
  }
  for_rows(call, rows, n, kGrain<Op>, [&](std::int64_t begin, std::int64_t end) {
    for_broadcast_rows(s, begin, end, [&](std::int64_t r, std::int64_t at_a, std::int64_t at_b) {
      row(a + at_a, b + at_b, y + r * n, n);
    });
  });
}

struct Run {
  template <class Op, class T, class R>
  static void run(const Call& call) {
    if constexpr (std::is_same_v<Op, ops::Pow> && std::is_same_v<T, float>)
      if (is_square(call)) return square(call);
    combine<Op, T, R>(call);
  }

 private:
  // y = x^2 needs no pow.
  static bool is_square(const Call& call) {
    return call.in[1].size() == 1 && call.in[0].size() > 0 &&
           call.in[0].size() == call.out[0].size() && call.in[1].f32()[0] == 2.0f;
  }
  static void square(const Call& call) {
    const float* x = call.in[0].f32();
    float* y = call.out[0].f32_out();
    for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) y[k] = x[k] * x[k];
    });
  }
};

// The sum of any number of tensors of one shape, in the order given.
void add_n(const Call& call) {
  check_add_n(call);
  const std::int64_t size = call.out[0].size();
  const auto sum = [&]<class T>(T* y) {
    for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto n = end - begin;
      std::copy_n(input<T>(call.in[0]) + begin, n, y + begin);
      for (int k = 1; k < call.in_count; ++k)
        Loops<ops::Add, T, T>::both(y + begin, input<T>(call.in[k]) + begin, y + begin, n);
    });
  };
  if (call.out[0].dtype == DType::float32)
    sum(call.out[0].f32_out());
  else
    sum(call.out[0].i32_out());
}

}  // namespace

void register_binary(KernelTable& table) {
  BinaryKernels<Run>::add_to(table);
  table.add("AddN", add_n);
}

}  // namespace rareface::cpu
