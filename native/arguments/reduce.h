// Reductions: their names, what they take, and how a tensor looks to them.
#pragma once

#include "call.h"
#include "reduce_ops.h"

namespace rareface {

// Some of a tensor's dimensions, neighbours merged, with their strides in elements.
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

struct Reduction {
  Axes kept, reduced;  // all but the innermost, which is contiguous:
  std::int64_t inner = 1;
  bool inner_reduced = true;
  std::int64_t count = 1;  // elements behind one result
  std::int64_t outputs = 1;
};

// Attributes: the axes to reduce, none negative.
inline Reduction reduction(const Call& call) {
  const View& x = call.in[0];
  bool is_reduced[kMaxRank] = {};
  for (int i = 0; i < call.attr_count; ++i) {
    const std::int64_t axis = call.attr_int(i);
    require(axis >= 0 && axis < x.rank, "axis ", axis, " is out of range");
    is_reduced[axis] = true;
  }
  std::int64_t dims[kMaxRank];
  bool reduced[kMaxRank];
  int rank = 0;
  Reduction g;
  for (int i = 0; i < x.rank; ++i) {
    (is_reduced[i] ? g.count : g.outputs) *= x.dims[i];
    if (x.dims[i] == 1) continue;
    if (rank > 0 && reduced[rank - 1] == is_reduced[i]) {
      dims[rank - 1] *= x.dims[i];
    } else {
      dims[rank] = x.dims[i];
      reduced[rank++] = is_reduced[i];
    }
  }
  require(g.outputs == call.out[0].size(), "the output's size should be ", g.outputs);
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

// Run has a `template <class Op> static void run(const Call&)`, which reduces In to Out by an Op of
// reduce_ops.h.
template <class Run>
struct ReduceKernels {
  static void add_to(KernelTable& table) {
    table.add("Sum", dispatch<ops::SumFloat, ops::SumInt>);
    table.add("Mean", dispatch<ops::MeanFloat, void>);
    table.add("Prod", dispatch<ops::Prod<float>, ops::Prod<std::int32_t>>);
    table.add("Max", dispatch<ops::MaxFloat, ops::MaxInt<std::int32_t>, ops::MaxInt<std::uint8_t>>);
    table.add("Min", dispatch<ops::MinFloat, ops::MinInt<std::int32_t>, ops::MinInt<std::uint8_t>>);
    table.add("All", dispatch<void, void, ops::All>);
    table.add("Any", dispatch<void, void, ops::Any>);
  }

 private:
  template <class OnFloat, class OnInt, class OnBool = void>
  static void dispatch(const Call& call) {
    require_arity(call, 1, 1);
    const DType dtype = call.in[0].dtype;
    require(call.out[0].dtype == dtype, "the output's dtype must be the input's");
    if constexpr (!std::is_void_v<OnFloat>) {
      if (dtype == DType::float32) return Run::template run<OnFloat>(call);
    }
    if constexpr (!std::is_void_v<OnInt>) {
      if (dtype == DType::int32) return Run::template run<OnInt>(call);
    }
    if constexpr (!std::is_void_v<OnBool>) {
      if (dtype == DType::boolean) return Run::template run<OnBool>(call);
    }
    fail("this dtype is not supported");
  }
};

}  // namespace rareface
