// Reductions over any axes, without a transpose, and the same for any number of threads.
//
// Floats are added in float32 over short blocks and in double above them: the error does not grow
// with the size, and the inner loops keep their width.
#include "../arguments/reduce.h"

#include <type_traits>

#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

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
void reduce_inner(const Call& call, const Reduction& g) {
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

constexpr std::int64_t kColumns = 256;  // reduced side by side
constexpr std::int64_t kBlockRows = 32;

// Joins the rows [first, last) into wide[0, width); row(r) points to a row.
template <class Op, class Row>
void join_rows(typename Op::Wide* wide, std::int64_t width, std::int64_t first, std::int64_t last,
               Row&& row) {
  for (std::int64_t r = first; r < last; r += kBlockRows) {
    typename Op::Block block[kColumns];
    std::fill(block, block + width, Op::kBlock);
    for (std::int64_t k = r; k < std::min(last, r + kBlockRows); ++k) {
      const auto* p = row(k);
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) block[j] = Op::step(block[j], p[j]);
    }
    for (std::int64_t j = 0; j < width; ++j)
      wide[j] = Op::join(wide[j], static_cast<typename Op::Wide>(block[j]));
  }
}

// The same for short rows that lie one behind the other: several count as one long row.
template <class Op>
void join_short_rows(typename Op::Wide* wide, std::int64_t n, const typename Op::In* x,
                     std::int64_t first, std::int64_t last) {
  const std::int64_t rows_each = kColumns / n, width = rows_each * n;
  const std::int64_t whole = (last - first) / rows_each;
  typename Op::Wide many[kColumns];
  std::fill(many, many + width, Op::kWide);
  x += first * n;
  join_rows<Op>(many, width, 0, whole, [&](std::int64_t r) { return x + r * width; });
  for (std::int64_t j = 0; j < width; ++j) wide[j % n] = Op::join(wide[j % n], many[j]);
  join_rows<Op>(wide, n, whole * rows_each, last - first,
                [&](std::int64_t r) { return x + r * n; });
}

// The innermost dimension is kept.
template <class Op>
void reduce_outer(const Call& call, const Reduction& g) {
  using Wide = typename Op::Wide;
  const auto* x = static_cast<const typename Op::In*>(call.in[0].data);
  auto* y = static_cast<typename Op::Out*>(call.out[0].data);
  const std::int64_t outer = g.kept.size(), rows = g.reduced.size(), n = g.inner;
  const std::int64_t strips = ceil_div(n, kColumns);
  const std::int64_t rows_each = std::max<std::int64_t>(kBlockRows, kTask / std::min(n, kColumns));
  const std::int64_t groups = ceil_div(rows, rows_each);
  const bool is_short = n <= kColumns / 4 && g.reduced.count == 1;
  auto* partial = groups == 1 ? nullptr
                              : static_cast<Wide*>(call.host->scratch(
                                    static_cast<std::size_t>(groups * outer * n) * sizeof(Wide)));
  const auto strip = [&](std::int64_t task) {
    const std::int64_t group = task % groups, s = task / groups % strips;
    const std::int64_t o = task / groups / strips;
    const std::int64_t begin = s * kColumns, width = std::min(kColumns, n - begin);
    const std::int64_t first = group * rows_each, last = std::min(rows, first + rows_each);
    const auto* base = x + g.kept.at(o) + begin;
    Wide wide[kColumns];
    std::fill(wide, wide + width, Op::kWide);
    if (is_short)
      join_short_rows<Op>(wide, n, base, first, last);
    else
      join_rows<Op>(wide, width, first, last,
                    [&](std::int64_t r) { return base + g.reduced.at(r); });
    if (partial) {
      std::copy_n(wide, width, partial + (group * outer + o) * n + begin);
    } else {
      for (std::int64_t j = 0; j < width; ++j) y[o * n + begin + j] = Op::finish(wide[j], g.count);
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

struct Run {
  template <class Op>
  static void run(const Call& call) {
    const Reduction r = reduction(call);
    if (r.outputs == 0) return;
    if (r.count == 0) {
      auto* y = static_cast<typename Op::Out*>(call.out[0].data);
      std::fill(y, y + r.outputs, Op::finish(Op::kWide, 0));
    } else if (r.inner_reduced) {
      reduce_inner<Op>(call, r);
    } else {
      reduce_outer<Op>(call, r);
    }
  }
};

}  // namespace

void register_reduce(KernelTable& table) { ReduceKernels<Run>::add_to(table); }

}  // namespace rareface::cpu
