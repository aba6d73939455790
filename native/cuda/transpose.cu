// Transposition by any permutation of the axes.
#include "../arguments/transpose.h"
#include "moves.h"
#include "register.h"

namespace rareface::cuda {
namespace {

constexpr int kTile = 32, kTileRows = 8;  // a block moves kTile x kTile elements, kTileRows at once

// Two axes change places: one that is contiguous in the input (rows of the output), one that is
// contiguous in the output (its columns). All others stay apart.
struct Exchange {
  unsigned rows, columns;
  std::int64_t row_stride, column_stride;  // of the output, of the input
  Divisor row_tiles, column_tiles;
  int rank = 0;
  Divisor dims[kMaxRank];
  int in[kMaxRank], out[kMaxRank];
};

template <class T>
__global__ void __launch_bounds__(kTile* kTileRows) exchange_kernel(const T* x, T* y, Exchange e) {
  __shared__ T tile[kTile][kTile + 1];
  unsigned rest = blockIdx.x;
  const unsigned column = e.column_tiles.remainder(rest) * kTile;
  const unsigned row = e.row_tiles.remainder(rest) * kTile;
  for (int k = 0; k < e.rank; ++k) {
    const auto index = static_cast<int>(e.dims[k].remainder(rest));
    x += index * e.in[k];
    y += index * e.out[k];
  }
  for (unsigned j = threadIdx.y; j < kTile; j += kTileRows)
    if (row + threadIdx.x < e.rows && column + j < e.columns)
      tile[j][threadIdx.x] = x[row + threadIdx.x + (column + j) * e.column_stride];
  __syncthreads();
  for (unsigned j = threadIdx.y; j < kTile; j += kTileRows)
    if (row + j < e.rows && column + threadIdx.x < e.columns)
      y[(row + j) * e.row_stride + column + threadIdx.x] = tile[threadIdx.x][j];
}

template <class T>
void transpose_as(const Call& call) {
  const Permuted p = permuted(call);
  const T* x = static_cast<const T*>(call.in[0].data);
  T* y = static_cast<T*>(call.out[0].data);
  const std::int64_t size = call.out[0].size();
  if (size == 0) return;
  const int last = p.rank - 1;
  int unit = 0;
  while (p.strides[unit] != 1) ++unit;
  const std::int64_t rows = p.dims[unit], columns = p.dims[last];
  constexpr std::int64_t kNarrow = 8;  // a tile would stay nearly empty
  if (unit == last || rows < kNarrow || columns < kNarrow) {
    MovedAxes axes;
    for (int i = last; i >= 0; --i) {
      MovedAxes::Axis& axis = axes.axes[axes.rank++];
      axis.map.in = axis.map.out = p.dims[i];
      axis.stride = p.strides[i];
    }
    return move(*call.host, axes, x, y, size, T{});
  }
  natural(size);
  Exchange e{};
  e.rows = natural(rows);
  e.columns = natural(columns);
  e.row_stride = product(p.dims, unit + 1, p.rank);
  e.column_stride = p.strides[last];
  e.row_tiles = Divisor(ceil_div(rows, kTile));
  e.column_tiles = Divisor(ceil_div(columns, kTile));
  std::int64_t tiles = ceil_div(rows, kTile) * ceil_div(columns, kTile);
  for (int i = last - 1; i >= 0; --i) {
    if (i == unit) continue;
    tiles *= p.dims[i];
    e.dims[e.rank] = Divisor(p.dims[i]);
    e.in[e.rank] = small(p.strides[i]);
    e.out[e.rank++] = small(product(p.dims, i + 1, p.rank));
  }
  launch(*call.host, {blocks_for(tiles, 1), dim3(kTile, kTileRows)}, exchange_kernel<T>, x, y, e);
}

void transpose(const Call& call) {
  if (size_of(call.in[0].dtype) == 1)
    transpose_as<std::uint8_t>(call);
  else
    transpose_as<std::uint32_t>(call);
}

}  // namespace

void register_transpose(KernelTable& table) { table.add("Transpose", transpose); }

}  // namespace rareface::cuda
