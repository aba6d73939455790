// Elementwise functions of two tensors, with broadcasting.
#include <cmath>
#include <vector>

#include "broadcast.h"
#include "convert.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

template <class T>
const T* input(const View& v) {
  return static_cast<const T*>(v.data);
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
void run(const Call& call) {
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
    for_blocks(call, n, Op::kGrain, [&](std::int64_t begin, std::int64_t end) {
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
    for_blocks(call, size, Op::kGrain / period * period + period,
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
  if (n >= Op::kGrain) {  // long rows: cut each
    const std::int64_t pieces = ceil_div(n, Op::kGrain);
    auto piece = [&](std::int64_t i) {
      const std::int64_t r = i / pieces, begin = i % pieces * Op::kGrain;
      const std::int64_t end = std::min(n, begin + Op::kGrain);
      for_broadcast_rows(s, r, r + 1, [&](std::int64_t, std::int64_t at_a, std::int64_t at_b) {
        row(a + at_a + begin * step_a, b + at_b + begin * step_b, y + r * n + begin, end - begin);
      });
    };
    call.host->parallel(rows * pieces, piece);
    return;
  }
  for_rows(call, rows, n, Op::kGrain, [&](std::int64_t begin, std::int64_t end) {
    for_broadcast_rows(s, begin, end, [&](std::int64_t r, std::int64_t at_a, std::int64_t at_b) {
      row(a + at_a, b + at_b, y + r * n, n);
    });
  });
}

// --- Operations. Integers wrap as JavaScript's ToInt32 does.

struct Cheap {
  static constexpr std::int64_t kGrain = kCheapGrain;
};
struct Costly {
  static constexpr std::int64_t kGrain = kCostlyGrain;
};

inline std::uint32_t u(std::int32_t x) { return static_cast<std::uint32_t>(x); }
inline std::int32_t i(std::uint32_t x) { return static_cast<std::int32_t>(x); }

struct Add : Cheap {
  static float apply(float a, float b) { return a + b; }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return i(u(a) + u(b)); }
};
struct Sub : Cheap {
  static float apply(float a, float b) { return a - b; }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return i(u(a) - u(b)); }
};
struct Multiply : Cheap {
  static float apply(float a, float b) { return a * b; }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return i(u(a) * u(b)); }
};
struct RealDiv : Cheap {
  static float apply(float a, float b) { return a / b; }
  static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return to_int32(static_cast<double>(a) / b);
  }
};
struct FloorDiv : Costly {
  static float apply(float a, float b) { return std::floor(a / b); }
  static std::int32_t apply(std::int32_t a, std::int32_t b) {
    return to_int32(std::floor(static_cast<double>(a) / b));
  }
};
struct Maximum : Cheap {  // of a NaN and anything: NaN
  static float apply(float a, float b) { return a != a ? a : (a > b ? a : b); }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return a > b ? a : b; }
};
struct Minimum : Cheap {
  static float apply(float a, float b) { return a != a ? a : (a < b ? a : b); }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return a < b ? a : b; }
};
struct SquaredDifference : Cheap {
  static float apply(float a, float b) { return (a - b) * (a - b); }
  static std::int32_t apply(std::int32_t a, std::int32_t b) {
    const std::uint32_t d = u(a) - u(b);
    return i(d * d);
  }
};
struct Pow : Costly {
  static float apply(float a, float b) { return static_cast<float>(js_pow(a, b)); }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return to_int32(js_pow(a, b)); }
};
struct Mod : Costly {
  static float apply(float a, float b) { return static_cast<float>(floor_mod(a, b)); }
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return to_int32(floor_mod(a, b)); }
};
struct Atan2 : Costly {
  static float apply(float a, float b) { return std::atan2(a, b); }
};
struct Prelu : Cheap {
  static float apply(float a, float b) { return a < 0.0f ? a * b : a; }
};
struct EluGrad : Cheap {  // of dy and the forward result y
  static float apply(float dy, float y) { return y >= 0.0f ? dy : dy * (y + 1.0f); }
};
struct BitwiseAnd : Cheap {
  static std::int32_t apply(std::int32_t a, std::int32_t b) { return a & b; }
};

#define RAREFACE_COMPARISON(Name, op)       \
  struct Name : Cheap {                     \
    template <class T>                      \
    static std::uint8_t apply(T a, T b) {   \
      return static_cast<std::uint8_t>(op); \
    }                                       \
  }
RAREFACE_COMPARISON(Equal, a == b);
RAREFACE_COMPARISON(NotEqual, a != b);
RAREFACE_COMPARISON(Less, a < b);
RAREFACE_COMPARISON(LessEqual, a <= b);
RAREFACE_COMPARISON(Greater, a > b);
RAREFACE_COMPARISON(GreaterEqual, a >= b);
RAREFACE_COMPARISON(LogicalAnd, (a != 0) & (b != 0));
RAREFACE_COMPARISON(LogicalOr, (a != 0) | (b != 0));
RAREFACE_COMPARISON(LogicalXor, (a != 0) ^ (b != 0));
#undef RAREFACE_COMPARISON

void check(const Call& call) {
  require_arity(call, 2, 1);
  require(call.in[0].dtype == call.in[1].dtype, "the operands' dtypes differ");
}

template <class Op>
void on_float(const Call& call) {
  check(call);
  require(call.in[0].dtype == DType::float32 && call.out[0].dtype == DType::float32,
          "takes float32 only");
  run<Op, float, float>(call);
}

template <class Op>
void on_int(const Call& call) {
  check(call);
  require(call.in[0].dtype == DType::int32 && call.out[0].dtype == DType::int32,
          "takes int32 only");
  run<Op, std::int32_t, std::int32_t>(call);
}

template <class Op>
void on_number(const Call& call) {
  check(call);
  if (call.in[0].dtype == DType::float32)
    on_float<Op>(call);
  else
    on_int<Op>(call);
}

// y = x^2 and y = x need no pow.
void pow_kernel(const Call& call) {
  check(call);
  if (call.in[0].dtype == DType::float32 && call.in[1].size() == 1 && call.in[0].size() > 0 &&
      call.in[0].size() == call.out[0].size() && call.in[1].f32()[0] == 2.0f) {
    const float* x = call.in[0].f32();
    float* y = call.out[0].f32_out();
    for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) y[k] = x[k] * x[k];
    });
    return;
  }
  on_number<Pow>(call);
}

template <class Op>
void comparison(const Call& call) {
  check(call);
  require(call.out[0].dtype == DType::boolean, "gives bool only");
  switch (call.in[0].dtype) {
    case DType::float32:
      return run<Op, float, std::uint8_t>(call);
    case DType::int32:
      return run<Op, std::int32_t, std::uint8_t>(call);
    case DType::boolean:
      return run<Op, std::uint8_t, std::uint8_t>(call);
  }
}

// The sum of any number of tensors of one shape, in the order given.
void add_n(const Call& call) {
  require(call.in_count >= 1 && call.out_count == 1, "takes at least one input");
  const DType dtype = call.out[0].dtype;
  require(dtype != DType::boolean, "takes float32 or int32");
  const std::int64_t size = call.out[0].size();
  for (int k = 0; k < call.in_count; ++k)
    require(call.in[k].size() == size && call.in[k].dtype == dtype,
            "all tensors must have one shape and dtype");
  const auto sum = [&]<class T>(T* y) {
    for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      const auto n = end - begin;
      std::copy_n(input<T>(call.in[0]) + begin, n, y + begin);
      for (int k = 1; k < call.in_count; ++k)
        Loops<Add, T, T>::both(y + begin, input<T>(call.in[k]) + begin, y + begin, n);
    });
  };
  if (dtype == DType::float32)
    sum(call.out[0].f32_out());
  else
    sum(call.out[0].i32_out());
}

}  // namespace

void register_binary(KernelTable& table) {
  table.add("Add", on_number<Add>);
  table.add("AddN", add_n);
  table.add("Sub", on_number<Sub>);
  table.add("Multiply", on_number<Multiply>);
  table.add("RealDiv", on_number<RealDiv>);
  table.add("FloorDiv", on_number<FloorDiv>);
  table.add("Maximum", on_number<Maximum>);
  table.add("Minimum", on_number<Minimum>);
  table.add("SquaredDifference", on_number<SquaredDifference>);
  table.add("Pow", pow_kernel);
  table.add("Mod", on_number<Mod>);
  table.add("Atan2", on_float<Atan2>);
  table.add("Prelu", on_float<Prelu>);
  table.add("EluGrad", on_float<EluGrad>);
  table.add("BitwiseAnd", on_int<BitwiseAnd>);
  table.add("Equal", comparison<Equal>);
  table.add("NotEqual", comparison<NotEqual>);
  table.add("Less", comparison<Less>);
  table.add("LessEqual", comparison<LessEqual>);
  table.add("Greater", comparison<Greater>);
  table.add("GreaterEqual", comparison<GreaterEqual>);
  table.add("LogicalAnd", comparison<LogicalAnd>);
  table.add("LogicalOr", comparison<LogicalOr>);
  table.add("LogicalXor", comparison<LogicalXor>);
}

}  // namespace rareface::cpu
