// Gathers, scatters and running sums: what goes by an index tensor or along one axis. An index that
// is out of range is flagged, and what it should give is zeros.
#include "../arguments/indexed.h"
#include "elementwise.h"
#include "intrinsics.h"
#include "lanes.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// Rows of `inner` units of the type T, which lie on either side.
template <class T>
struct Rows {
  const T* x;
  T* y;
  unsigned size;  // of y
  Divisor inner;
};

// body with a unit as wide as the rows allow: bytes, words or 16 bytes.
template <class Body>
void in_units(const View& x, const View& y, std::int64_t inner, Body&& body) {
  const auto element = static_cast<std::int64_t>(size_of(y.dtype));
  const auto as = [&]<class T>(const T*) {
    constexpr auto kBytes = static_cast<std::int64_t>(sizeof(T));
    body(Rows<T>{static_cast<const T*>(x.data), static_cast<T*>(y.data),
                 natural(y.size() * element / kBytes), Divisor(inner * element / kBytes)});
  };
  if (inner * element % 16 == 0 && packable<uint4, 1>(0, x.data, y.data))
    as(static_cast<const uint4*>(nullptr));
  else if (element == 4)
    as(static_cast<const std::uint32_t*>(nullptr));
  else
    as(static_cast<const std::uint8_t*>(nullptr));
}

template <class T>
__global__ void gather_kernel(Rows<T> rows, const std::int32_t* indices, Divisor n, Divisor outer,
                              int axis, std::int32_t* flags) {
  for_each_small(rows.size, [&](unsigned i) {
    unsigned row = i;
    const unsigned column = rows.inner.remainder(row);
    unsigned block = row;
    const unsigned k = n.remainder(block);
    const std::int32_t index = indices[outer.divide(block) * n.divisor + k];
    if (index < 0 || index >= axis) {
      flag(flags, DeviceError::index_out_of_range);
      rows.y[i] = T{};
    } else {
      rows.y[i] = rows.x[(block * static_cast<unsigned>(axis) + static_cast<unsigned>(index)) *
                             rows.inner.divisor +
                         column];
    }
  });
}

void gather(const Call& call) {
  check_gather(call);
  const View &x = call.in[0], &indices = call.in[1], &y = call.out[0];
  if (y.size() == 0) return;
  natural(x.size());
  in_units(x, y, x.dims[3], [&]<class T>(const Rows<T>& rows) {
    launch(*call.host, grid_for(rows.size), gather_kernel<T>, rows, indices.i32(),
           Divisor(indices.dims[1]), Divisor(x.dims[1]), small(x.dims[2]), call.host->flags());
  });
}

// The cells that the rows of an index matrix mean.
struct RowIndex {
  const std::int32_t* indices;
  int depth;
  std::int64_t strides[kMaxRank];
  std::int64_t cells;

  RowIndex(const Call& call, const View& matrix, std::int64_t cells_)
      : indices(matrix.i32()), depth(small(matrix.dims[1])), strides{}, cells(cells_) {
    require(depth <= kMaxRank, "takes at most ", kMaxRank, " indices for a row");
    for (int k = 0; k < depth; ++k) strides[k] = call.attr_int(k);
  }

  // -1 for none.
  __device__ std::int64_t cell(std::int64_t row, std::int32_t* flags) const {
    std::int64_t flat = 0;
    for (int k = 0; k < kMaxRank; ++k)
      if (k < depth) flat += indices[row * depth + k] * strides[k];
    if (flat >= 0 && flat < cells) return flat;
    flag(flags, DeviceError::index_out_of_range);
    return -1;
  }
};

// Segment ids, of which those out of range are dropped.
struct SegmentIndex {
  const std::int32_t* ids;
  std::int64_t cells;
  __device__ std::int64_t cell(std::int64_t row, std::int32_t*) const {
    return ids[row] < cells ? ids[row] : -1;
  }
};

template <class T>
__global__ void gather_nd_kernel(Rows<T> rows, RowIndex index, std::int32_t* flags) {
  for_each_small(rows.size, [&](unsigned i) {
    unsigned row = i;
    const unsigned column = rows.inner.remainder(row);
    const std::int64_t cell = index.cell(row, flags);
    rows.y[i] = cell < 0 ? T{} : rows.x[cell * rows.inner.divisor + column];
  });
}

void gather_nd(const Call& call) {
  check_gather_nd(call);
  const View &params = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  const RowIndex index(call, call.in[1], params.dims[0]);
  in_units(params, y, params.dims[1], [&]<class T>(const Rows<T>& rows) {
    launch(*call.host, grid_for(rows.size), gather_nd_kernel<T>, rows, index, call.host->flags());
  });
}

// y[cell] = the sum of the updates whose index means the cell, rows in order: each thread looks
// through all rows for its element of y, so no sum depends on who comes first. kThreads indices at
// a time are shared by the block.
template <class T, class Index>
__global__ void __launch_bounds__(kThreads)
    scatter_kernel(const T* updates, T* y, std::int64_t size, unsigned rows, Divisor inner,
                   Index index, std::int32_t* flags) {
  __shared__ std::int64_t cells[kThreads];
  const std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
  unsigned cell = static_cast<unsigned>(i < size ? i : 0);
  const unsigned column = inner.remainder(cell);
  T sum{};
  for (unsigned first = 0; first < rows; first += kThreads) {
    __syncthreads();
    if (first + threadIdx.x < rows) cells[threadIdx.x] = index.cell(first + threadIdx.x, flags);
    __syncthreads();
    const unsigned count = min(rows - first, static_cast<unsigned>(kThreads));
    for (unsigned k = 0; k < count; ++k)
      if (cells[k] == cell) sum += updates[std::int64_t{first + k} * inner.divisor + column];
  }
  if (i < size) y[i] = sum;
}

template <class Index>
void scatter(const Call& call, std::int64_t rows, const Index& index) {
  const View &updates = call.in[0], &y = call.out[0];
  const std::int64_t size = y.size();
  if (size == 0) return;
  const Grid grid{blocks_for(size, kThreads), kThreads};
  const auto as = [&]<class T>(const T* x) {
    launch(*call.host, grid, scatter_kernel<T, Index>, x, static_cast<T*>(y.data),
           std::int64_t{natural(size)}, natural(rows), Divisor(y.dims[1]), index,
           call.host->flags());
  };
  if (y.dtype == DType::float32)
    as(updates.f32());
  else
    as(static_cast<const std::uint32_t*>(updates.data));
}

void scatter_nd(const Call& call) {
  check_scatter_nd(call);
  scatter(call, call.in[1].dims[0], RowIndex(call, call.in[1], call.out[0].dims[0]));
}

void unsorted_segment_sum(const Call& call) {
  check_segment_sum(call);
  scatter(call, call.in[1].size(), SegmentIndex{call.in[1].i32(), call.out[0].dims[0]});
}

// Along the middle axis of [outer, n, inner]: as many elements at a time as a line has lanes, which
// take over from each other in steps of 1, 2, 4... (Hillis & Steele 1986).
template <class T, bool product_of>
__global__ void __launch_bounds__(kThreads)
    scan_kernel(const T* x, T* y, unsigned outer, unsigned n, unsigned inner, Lanes lanes,
                bool exclusive, bool reverse) {
  __shared__ T shared[kThreads];
  const auto join = [](T a, T b) { return product_of ? a * b : a + b; };
  const T neutral = product_of ? T{1} : T{0};
  const Place place(lanes, outer, inner);
  const unsigned columns = lanes.columns();
  const unsigned last = threadIdx.x + (lanes.lanes() - 1 - place.lane) * columns;
  T before = neutral;  // all elements of earlier rounds
  for (unsigned first = 0; first < n; first += lanes.lanes()) {
    const unsigned k = first + place.lane;
    const bool exists = place.exists && k < n;
    const std::int64_t at =
        (std::int64_t{place.outer} * n + (reverse ? n - 1 - k : k)) * inner + place.column;
    T value = exists ? x[at] : neutral;
    for (unsigned step = 1; step < lanes.lanes(); step *= 2) {
      __syncthreads();
      shared[threadIdx.x] = value;
      __syncthreads();
      if (place.lane >= step) value = join(shared[threadIdx.x - step * columns], value);
    }
    __syncthreads();
    shared[threadIdx.x] = value;
    __syncthreads();
    const T earlier = place.lane == 0 ? neutral : shared[threadIdx.x - columns];
    if (exists) y[at] = join(before, exclusive ? earlier : value);
    before = join(before, shared[last]);
  }
}

template <bool product_of>
void scan(const Call& call) {
  const Scan s(call);
  const View &x = call.in[0], &y = call.out[0];
  if (y.size() == 0) return;
  natural(y.size());
  const Lanes lanes = Lanes::of(x.dims[2], 4 * x.dims[1]);  // a lane for each element
  const Grid grid{blocks_for(lanes.blocks(x.dims[0], x.dims[2]), 1), kThreads};
  const auto as = [&]<class T>(const T* from) {
    launch(*call.host, grid, scan_kernel<T, product_of>, from, static_cast<T*>(y.data),
           natural(x.dims[0]), natural(x.dims[1]), natural(x.dims[2]), lanes, s.exclusive,
           s.reverse);
  };
  if (x.dtype == DType::float32)
    as(x.f32());
  else
    as(static_cast<const std::uint32_t*>(x.data));
}

}  // namespace

void register_indexed(KernelTable& table) {
  table.add("GatherV2", gather);
  table.add("GatherNd", gather_nd);
  table.add("ScatterNd", scatter_nd);
  table.add("UnsortedSegmentSum", unsorted_segment_sum);
  table.add("Cumsum", scan<false>);
  table.add("Cumprod", scan<true>);
}

}  // namespace rareface::cuda
