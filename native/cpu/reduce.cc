// Reductions over any axes, without a transpose, and the same for any number of threads.
//
// Floats are added in float32 over short blocks and in double above them: the error does not grow
// with the size, and the inner loops keep their width.
#include <limits>
#include <type_traits>

#include "blocks.h"
#include "convert.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

// --- Operations. A Block takes a few hundred elements, a Wide takes blocks.

struct SumFloat {
  using In = float;
  using Block = float;
  using Wide = double;
  using Out = float;
  static constexpr Block kBlock = 0;
  static constexpr Wide kWide = 0;
  static Block step(Block a, In x) { return a + x; }
  static Vec step(Vec a, Vec x) { return a + x; }
  static Wide join(Wide a, Wide b) { return a + b; }
  static Out finish(Wide a, std::int64_t) { return static_cast<float>(a); }
};

struct MeanFloat : SumFloat {
  static Out finish(Wide a, std::int64_t count) {
    return static_cast<float>(a / static_cast<double>(count));
  }
};

struct SumInt {
  using In = std::int32_t;
  using Block = std::int64_t;
  using Wide = std::int64_t;
  using Out = std::int32_t;
  static constexpr Block kBlock = 0;
  static constexpr Wide kWide = 0;
  static Block step(Block a, In x) { return a + x; }
  static Wide join(Wide a, Wide b) { return a + b; }
  static Out finish(Wide a, std::int64_t) { return static_cast<std::int32_t>(a); }
};

template <class T>
struct Prod {
  using In = T;
  using Block = double;
  using Wide = double;
  using Out = T;
  static constexpr Block kBlock = 1;
  static constexpr Wide kWide = 1;
  static Block step(Block a, In x) { return a * x; }
  static Wide join(Wide a, Wide b) { return a * b; }
  static Out finish(Wide a, std::int64_t) {
    if constexpr (std::is_same_v<T, float>)
      return static_cast<float>(a);
    else
      return to_int32(a);
  }
};

template <class T>
struct Extreme {
  using In = T;
  using Block = T;
  using Wide = T;
  using Out = T;
  static Out finish(Wide a, std::int64_t) { return a; }
};

// A NaN among the elements makes the result NaN.
struct MaxFloat : Extreme<float> {
  static constexpr float kBlock = -std::numeric_limits<float>::infinity();
  static constexpr float kWide = kBlock;
  static float step(float a, float x) { return (x > a) | (x != x) ? x : a; }
  static Vec step(Vec a, Vec x) { return (x > a) | (x != x) ? x : a; }
  static float join(float a, float b) { return step(a, b); }
};
struct MinFloat : Extreme<float> {
  static constexpr float kBlock = std::numeric_limits<float>::infinity();
  static constexpr float kWide = kBlock;
  static float step(float a, float x) { return (x < a) | (x != x) ? x : a; }
  static Vec step(Vec a, Vec x) { return (x < a) | (x != x) ? x : a; }
  static float join(float a, float b) { return step(a, b); }
};
template <class T>
struct MaxInt : Extreme<T> {
  static constexpr T kBlock = std::numeric_limits<T>::min();
  static constexpr T kWide = kBlock;
  static T step(T a, T x) { return x > a ? x : a; }
  static T join(T a, T b) { return step(a, b); }
};
template <class T>
struct MinInt : Extreme<T> {
  static constexpr T kBlock = std::numeric_limits<T>::max();
  static constexpr T kWide = kBlock;
  static T step(T a, T x) { return x < a ? x : a; }
  static T join(T a, T b) { return step(a, b); }
};
struct Any : Extreme<std::uint8_t> {
  static constexpr std::uint8_t kBlock = 0;
  static constexpr std::uint8_t kWide = 0;
  static std::uint8_t step(std::uint8_t a, std::uint8_t x) { return a | (x != 0); }
  static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a | b; }
};
struct All : Extreme<std::uint8_t> {
  static constexpr std::uint8_t kBlock = 1;
  static constexpr std::uint8_t kWide = 1;
  static std::uint8_t step(std::uint8_t a, std::uint8_t x) { return a & (x != 0); }
  static std::uint8_t join(std::uint8_t a, std::uint8_t b) { return a & b; }
};

// --- Geometry: the dimensions with neighbours of one kind merged.

struct Axes {
  int count = 0;
  std::int64_t dims[kMaxRank] = {};
  std::int64_t strides[kMaxRank] = {};
  std::int64_t size() const { return product(dims, 0, count); }
  // Offset of the flat index i.
  std::int64_t at(std::int64_t i) const {
    std::int64_t offset = 0;
    for (int k = count - 1; k >= 0; --k) {
      offset += i % dims[k] * strides[k];
      i /= dims[k];
    }
    return offset;
  }
};

struct Geometry {
  Axes kept, reduced;  // all but the innermost, which is contiguous:
  std::int64_t inner = 1;
  bool inner_reduced = true;
  std::int64_t count = 1;  // elements behind one result
};

Geometry geometry(const View& x, bool (&is_reduced)[kMaxRank]) {
  std::int64_t dims[kMaxRank];
  bool reduced[kMaxRank];
  int rank = 0;
  Geometry g;
  for (int i = 0; i < x.rank; ++i) {
    if (is_reduced[i]) g.count *= x.dims[i];
    if (x.dims[i] == 1) continue;
    if (rank > 0 && reduced[rank - 1] == is_reduced[i]) {
      dims[rank - 1] *= x.dims[i];
    } else {
      dims[rank] = x.dims[i];
      reduced[rank++] = is_reduced[i];
    }
  }
  if (rank == 0) return g;
  g.inner = dims[rank - 1];
  g.inner_reduced = reduced[rank - 1];
  for (int i = 0; i < rank - 1; ++i) {
    Axes& axes = reduced[i] ? g.reduced : g.kept;
    axes.dims[axes.count] = dims[i];
    axes.strides[axes.count++] = product(dims, i + 1, rank);
  }
  return g;
}

// --- Loops.

constexpr std::int64_t kBlockElements = 512;  // float32 additions before a Wide takes over
constexpr std::int64_t kTask = 32768;         // elements a task

template <class Op>
typename Op::Wide reduce_row(const typename Op::In* p, std::int64_t n) {
  typename Op::Wide total = Op::kWide;
  for (std::int64_t begin = 0; begin < n; begin += kBlockElements) {
    const std::int64_t end = std::min(n, begin + kBlockElements);
    std::int64_t i = begin;
    if constexpr (std::is_same_v<typename Op::Block, float>) {
      constexpr std::int64_t kStep = 4 * kLanes;
      if (end - begin >= kStep) {
        Vec lanes[4] = {splat(Op::kBlock), splat(Op::kBlock), splat(Op::kBlock), splat(Op::kBlock)};
        for (; i + kStep <= end; i += kStep)
          for (int k = 0; k < 4; ++k) lanes[k] = Op::step(lanes[k], load(p + i + k * kLanes));
        const Vec four = Op::step(Op::step(lanes[0], lanes[1]), Op::step(lanes[2], lanes[3]));
        for (int k = 0; k < kLanes; ++k) total = Op::join(total, four[k]);
      }
    }
    typename Op::Block rest = Op::kBlock;
    for (; i < end; ++i) rest = Op::step(rest, p[i]);
    total = Op::join(total, static_cast<typename Op::Wide>(rest));
  }
  return total;
}

// The innermost dimension is reduced.
template <class Op>
void reduce_inner(const Call& call, const Geometry& g) {
  using Wide = typename Op::Wide;
  const auto* x = static_cast<const typename Op::In*>(call.in[0].data);
  auto* y = static_cast<typename Op::Out*>(call.out[0].data);
  const std::int64_t outputs = g.kept.size(), rows = g.reduced.size(), n = g.inner;
  // A piece: some rows, or a part of one long row.
  const std::int64_t row_pieces = ceil_div(n, kTask);
  const std::int64_t rows_each = row_pieces > 1 ? 1 : std::max<std::int64_t>(1, kTask / n);
  const std::int64_t groups = ceil_div(rows, rows_each);
  const std::int64_t pieces = groups * row_pieces;
  const auto piece = [&](std::int64_t output, std::int64_t k) {
    const auto* base = x + g.kept.at(output);
    const std::int64_t begin = k % row_pieces * kTask;
    const std::int64_t length = std::min(n - begin, row_pieces > 1 ? kTask : n);
    const std::int64_t first = k / row_pieces * rows_each;
    Wide total = Op::kWide;
    for (std::int64_t r = first; r < std::min(rows, first + rows_each); ++r)
      total = Op::join(total, reduce_row<Op>(base + g.reduced.at(r) + begin, length));
    return total;
  };
  if (pieces == 1) {
    for_rows(call, outputs, rows * n, kTask, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t o = begin; o < end; ++o) y[o] = Op::finish(piece(o, 0), g.count);
    });
    return;
  }
  auto* partial = static_cast<Wide*>(
      call.host->scratch(static_cast<std::size_t>(outputs * pieces) * sizeof(Wide)));
  auto body = [&](std::int64_t i) { partial[i] = piece(i / pieces, i % pieces); };
  call.host->parallel(outputs * pieces, body);
  for (std::int64_t o = 0; o < outputs; ++o) {
    Wide total = Op::kWide;
    for (std::int64_t k = 0; k < pieces; ++k) total = Op::join(total, partial[o * pieces + k]);
    y[o] = Op::finish(total, g.count);
  }
}

// The innermost dimension is kept: columns are reduced side by side.
template <class Op>
void reduce_outer(const Call& call, const Geometry& g) {
  using Wide = typename Op::Wide;
  using Block = typename Op::Block;
  constexpr std::int64_t kColumns = 256;
  constexpr std::int64_t kBlockRows = 32;
  const auto* x = static_cast<const typename Op::In*>(call.in[0].data);
  auto* y = static_cast<typename Op::Out*>(call.out[0].data);
  const std::int64_t outer = g.kept.size(), rows = g.reduced.size(), n = g.inner;
  const std::int64_t strips = ceil_div(n, kColumns);
  const std::int64_t rows_each = std::max<std::int64_t>(kBlockRows, kTask / std::min(n, kColumns));
  const std::int64_t groups = ceil_div(rows, rows_each);
  auto* partial = groups == 1 ? nullptr
                              : static_cast<Wide*>(call.host->scratch(
                                    static_cast<std::size_t>(groups * outer * n) * sizeof(Wide)));
  const auto strip = [&](std::int64_t task) {
    const std::int64_t group = task % groups, s = task / groups % strips;
    const std::int64_t o = task / groups / strips;
    const std::int64_t first = s * kColumns, width = std::min(kColumns, n - first);
    const auto* base = x + g.kept.at(o) + first;
    Wide wide[kColumns];
    std::fill(wide, wide + width, Op::kWide);
    const std::int64_t last = std::min(rows, (group + 1) * rows_each);
    for (std::int64_t r = group * rows_each; r < last; r += kBlockRows) {
      Block block[kColumns];
      std::fill(block, block + width, Op::kBlock);
      for (std::int64_t k = r; k < std::min(last, r + kBlockRows); ++k) {
        const auto* row = base + g.reduced.at(k);
#pragma omp simd
        for (std::int64_t j = 0; j < width; ++j) block[j] = Op::step(block[j], row[j]);
      }
      for (std::int64_t j = 0; j < width; ++j) wide[j] = Op::join(wide[j], block[j]);
    }
    if (partial) {
      std::copy_n(wide, width, partial + (group * outer + o) * n + first);
    } else {
      for (std::int64_t j = 0; j < width; ++j) y[o * n + first + j] = Op::finish(wide[j], g.count);
    }
  };
  const std::int64_t tasks = outer * strips * groups;
  for_rows(call, tasks, std::min(n, kColumns) * std::min(rows, rows_each), kTask,
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t t = begin; t < end; ++t) strip(t);
           });
  if (!partial) return;
  for_rows(call, outer * n, groups, kTask, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Wide total = Op::kWide;
      for (std::int64_t k = 0; k < groups; ++k) total = Op::join(total, partial[k * outer * n + i]);
      y[i] = Op::finish(total, g.count);
    }
  });
}

// Attributes: the axes to reduce, none negative.
template <class Op>
void reduce(const Call& call) {
  const View& x = call.in[0];
  bool is_reduced[kMaxRank] = {};
  for (int i = 0; i < call.attr_count; ++i) {
    const std::int64_t axis = call.attr_int(i);
    require(axis >= 0 && axis < x.rank, "axis ", axis, " is out of range");
    is_reduced[axis] = true;
  }
  std::int64_t outputs = 1;
  for (int i = 0; i < x.rank; ++i) outputs *= is_reduced[i] ? 1 : x.dims[i];
  require(outputs == call.out[0].size(), "the output's size should be ", outputs);
  if (outputs == 0) return;
  const Geometry g = geometry(x, is_reduced);
  if (g.count == 0) {
    auto* y = static_cast<typename Op::Out*>(call.out[0].data);
    std::fill(y, y + outputs, Op::finish(Op::kWide, 0));
  } else if (g.inner_reduced) {
    reduce_inner<Op>(call, g);
  } else {
    reduce_outer<Op>(call, g);
  }
}

template <class OnFloat, class OnInt, class OnBool = void>
void dispatch(const Call& call) {
  require_arity(call, 1, 1);
  const DType dtype = call.in[0].dtype;
  require(call.out[0].dtype == dtype, "the output's dtype must be the input's");
  if constexpr (!std::is_void_v<OnFloat>) {
    if (dtype == DType::float32) return reduce<OnFloat>(call);
  }
  if constexpr (!std::is_void_v<OnInt>) {
    if (dtype == DType::int32) return reduce<OnInt>(call);
  }
  if constexpr (!std::is_void_v<OnBool>) {
    if (dtype == DType::boolean) return reduce<OnBool>(call);
  }
  fail("this dtype is not supported");
}

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
  for_rows(call, outer * inner, n, kTask, [&](std::int64_t begin, std::int64_t end) {
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

void register_reduce(KernelTable& table) {
  table.add("Sum", dispatch<SumFloat, SumInt>);
  table.add("Mean", dispatch<MeanFloat, void>);
  table.add("Prod", dispatch<Prod<float>, Prod<std::int32_t>>);
  table.add("Max", dispatch<MaxFloat, MaxInt<std::int32_t>, MaxInt<std::uint8_t>>);
  table.add("Min", dispatch<MinFloat, MinInt<std::int32_t>, MinInt<std::uint8_t>>);
  table.add("All", dispatch<void, void, All>);
  table.add("Any", dispatch<void, void, Any>);
  table.add("ArgMax", arg_kernel<true>);
  table.add("ArgMin", arg_kernel<false>);
}

}  // namespace rareface::cpu
