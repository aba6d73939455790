// Threads of a block that share out the elements behind one result, and join what they found.
#pragma once

#include <bit>

#include "elementwise.h"

namespace rareface::cuda {

// How kThreads threads are laid out as [results][lanes][columns]: columns are results that lie side
// by side in memory. Powers of two, at most 32 columns.
struct Lanes {
  int log_lanes = 0, log_columns = 0;

  // For `columns` results side by side of `count` elements each: lanes enough for a few elements
  // each.
  static Lanes of(std::int64_t columns, std::int64_t count) {
    Lanes l;
    while (l.log_columns < 5 && (std::int64_t{1} << l.log_columns) < columns) ++l.log_columns;
    while (l.log_lanes + l.log_columns < 8 && (std::int64_t{4} << l.log_lanes) < count)
      ++l.log_lanes;
    return l;
  }

  __host__ __device__ unsigned lanes() const { return 1u << log_lanes; }
  __host__ __device__ unsigned columns() const { return 1u << log_columns; }
  __host__ __device__ unsigned results() const { return kThreads >> (log_lanes + log_columns); }
  // Blocks for `outer` times `columns` results.
  std::int64_t blocks(std::int64_t outer, std::int64_t columns_) const {
    return ceil_div(outer, results()) * ceil_div(columns_, columns());
  }
};

// The place of this thread: its lane, and its result as one of `outer` times `columns`.
struct Place {
  unsigned outer, column, lane;
  bool exists;
  __device__ Place(const Lanes& l, unsigned outers, unsigned columns) {
    const unsigned strips = (columns + l.columns() - 1) >> l.log_columns;
    const unsigned tile = blockIdx.x / strips;
    lane = threadIdx.x >> l.log_columns & (l.lanes() - 1);
    outer = tile * l.results() + (threadIdx.x >> (l.log_lanes + l.log_columns));
    column = (blockIdx.x - tile * strips) * l.columns() + (threadIdx.x & (l.columns() - 1));
    exists = outer < outers && column < columns;
  }
};

template <class T>
__device__ T from_lane(T value, unsigned offset) {
  if constexpr (sizeof(T) < 4)
    return static_cast<T>(__shfl_xor_sync(0xffffffffu, static_cast<int>(value), offset));
  else
    return __shfl_xor_sync(0xffffffffu, value, offset);
}

// What all lanes of a result hold, joined in an order of its own: every lane gets it. `shared`
// holds kThreads elements. All threads of the block come here.
template <class T, class Join>
__device__ T join_lanes(const Lanes& l, T value, T* shared, Join join) {
  const unsigned columns = l.columns(), span = l.lanes() * columns;
  for (unsigned offset = columns; offset < span && offset < 32; offset *= 2)
    value = join(value, from_lane(value, offset));
  if (span <= 32) return value;
  __syncthreads();
  const unsigned lane = threadIdx.x & 31;
  if (lane < columns) shared[(threadIdx.x & ~31u) + lane] = value;
  __syncthreads();
  const unsigned first = threadIdx.x & ~(span - 1), column = threadIdx.x & (columns - 1);
  value = shared[first + column];
  for (unsigned warp = 32; warp < span; warp += 32)
    value = join(value, shared[first + warp + column]);
  return value;
}

}  // namespace rareface::cuda
