// Gathers, scatters and running sums: what goes by an index tensor or along one axis.
#pragma once

#include "call.h"

namespace rareface {

inline void check_indices(const View& indices) {
  require(indices.dtype == DType::int32, "the indices must be int32");
}

// Inputs: x as [batch, outer, axis, inner], indices as [batch, n]; output [batch, outer, n, inner].
// Each index is in [0, axis).
inline void check_gather(const Call& call) {
  require_arity(call, 2, 1);
  const View &x = call.in[0], &indices = call.in[1], &y = call.out[0];
  check_indices(indices);
  require(x.rank == 4 && indices.rank == 2 && y.rank == 4, "ranks must be 4, 2 and 4");
  require(x.dtype == y.dtype, "the output's dtype must be the input's");
  require(x.dims[0] == indices.dims[0] && x.dims[0] == y.dims[0] && x.dims[1] == y.dims[1] &&
              indices.dims[1] == y.dims[2] && x.dims[3] == y.dims[3],
          "the shapes do not fit");
}

// The columns of an index matrix, whose attributes are the strides, one for each column. The sum
// of a row's indices, each times its stride, is a cell: it must be in [0, cells).
inline void check_index_matrix(const Call& call, const View& indices) {
  check_indices(indices);
  require(indices.rank == 2, "takes matrices");
  require(indices.dims[1] <= call.attr_count, "attribute ", call.attr_count, " is missing");
}

// Inputs: params as [cells, inner], indices as [n, depth]; output [n, inner].
inline void check_gather_nd(const Call& call) {
  require_arity(call, 2, 1);
  const View &params = call.in[0], &indices = call.in[1], &y = call.out[0];
  check_index_matrix(call, indices);
  require(params.rank == 2 && y.rank == 2, "takes matrices");
  require(params.dtype == y.dtype, "the output's dtype must be the input's");
  require(y.dims[0] == indices.dims[0] && y.dims[1] == params.dims[1], "the shapes do not fit");
}

// Sums rows of updates, [rows, inner], into cells, [cells, inner].
inline void check_scatter(const Call& call, const View& updates, std::int64_t rows) {
  const View& y = call.out[0];
  require(y.rank == 2, "gives a matrix");
  require(updates.dtype == y.dtype, "the output's dtype must be that of the updates");
  require(y.dtype != DType::boolean, "takes float32 or int32");
  require(updates.size() == rows * y.dims[1], "the updates do not fit");
}

// Inputs: updates as [n, inner], indices as [n, depth]; output [cells, inner]. Sums duplicates.
inline void check_scatter_nd(const Call& call) {
  require_arity(call, 2, 1);
  check_index_matrix(call, call.in[1]);
  check_scatter(call, call.in[0], call.in[1].dims[0]);
}

// Inputs: x as [n, inner], segment ids [n]; output [segments, inner]. Ids out of range are dropped.
inline void check_segment_sum(const Call& call) {
  require_arity(call, 2, 1);
  check_indices(call.in[1]);
  check_scatter(call, call.in[0], call.in[1].size());
}

// Along the middle axis of [outer, axis, inner]. Attributes: exclusive, reverse.
struct Scan {
  bool exclusive, reverse;
  explicit Scan(const Call& call) : exclusive(call.attr(0) != 0), reverse(call.attr(1) != 0) {
    require_arity(call, 1, 1);
    const View &x = call.in[0], &y = call.out[0];
    require(x.rank == 3 && x.size() == y.size() && x.dtype == y.dtype, "shapes or dtypes differ");
    require(x.dtype != DType::boolean, "takes float32 or int32");
  }
};

}  // namespace rareface
