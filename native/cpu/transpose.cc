// Transposition by any permutation of the axes.
#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

struct Permuted {  // output dimensions, neighbours merged; the input's stride behind each
  int rank = 0;
  std::int64_t dims[kMaxRank] = {};
  std::int64_t strides[kMaxRank] = {};
};

Permuted permuted(const Call& call) {
  const View& x = call.in[0];
  Permuted p;
  bool seen[kMaxRank] = {};
  std::int64_t previous = -2;
  for (int i = 0; i < x.rank; ++i) {
    const std::int64_t axis = call.attr_int(i);
    require(axis >= 0 && axis < x.rank && !seen[axis], "the permutation is not one");
    seen[axis] = true;
    require(call.out[0].dims[i] == x.dims[axis], "the output's shape does not fit");
    if (x.dims[axis] == 1) continue;
    const std::int64_t stride = product(x.dims, static_cast<int>(axis) + 1, x.rank);
    const bool follows =
        p.rank > 0 &&
        product(x.dims, static_cast<int>(previous) + 1, static_cast<int>(axis)) == 1 &&
        axis > previous;
    if (follows) {
      p.dims[p.rank - 1] *= x.dims[axis];
      p.strides[p.rank - 1] = stride;
    } else {
      p.dims[p.rank] = x.dims[axis];
      p.strides[p.rank++] = stride;
    }
    previous = axis;
  }
  if (p.rank == 0) {
    p.rank = 1;
    p.dims[0] = p.strides[0] = 1;
  }
  return p;
}

template <class T>
void transpose_as(const Call& call) {
  const Permuted p = permuted(call);
  const T* src = static_cast<const T*>(call.in[0].data);
  T* dst = static_cast<T*>(call.out[0].data);
  const std::int64_t size = call.out[0].size();
  if (size == 0) return;
  const int last = p.rank - 1;
  if (p.strides[last] == 1) {  // rows stay rows
    const std::int64_t n = p.dims[last];
    for_rows(call, size / n, n, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        std::int64_t offset = 0, rest = r;
        for (int i = last - 1; i >= 0; --i) {
          offset += rest % p.dims[i] * p.strides[i];
          rest /= p.dims[i];
        }
        std::copy_n(src + offset, n, dst + r * n);
      }
    });
    return;
  }
  // Tiles over the two axes that are contiguous on either side.
  constexpr std::int64_t kTile = 32;
  int unit = 0;
  while (p.strides[unit] != 1) ++unit;
  const std::int64_t rows = p.dims[unit], columns = p.dims[last];
  const std::int64_t row_stride = product(p.dims, unit + 1, p.rank);
  const std::int64_t column_stride = p.strides[last];
  const std::int64_t strips = ceil_div(rows, kTile);
  const std::int64_t tasks = size / rows / columns * strips;
  for_rows(call, tasks, std::min(rows, kTile) * columns, kCheapGrain,
           [&](std::int64_t begin, std::int64_t end) {
             for (std::int64_t task = begin; task < end; ++task) {
               std::int64_t in = 0, out = 0, rest = task / strips;
               for (int i = last - 1; i >= 0; --i) {
                 if (i == unit) continue;
                 const std::int64_t at = rest % p.dims[i];
                 rest /= p.dims[i];
                 in += at * p.strides[i];
                 out += at * product(p.dims, i + 1, p.rank);
               }
               const std::int64_t first = task % strips * kTile;
               const std::int64_t end_row = std::min(rows, first + kTile);
               for (std::int64_t c = 0; c < columns; c += kTile) {
                 const std::int64_t end_column = std::min(columns, c + kTile);
                 for (std::int64_t r = first; r < end_row; ++r)
                   for (std::int64_t k = c; k < end_column; ++k)
                     dst[out + r * row_stride + k] = src[in + r + k * column_stride];
               }
             }
           });
}

// Attributes: the input axis behind each output axis.
void transpose(const Call& call) {
  require_arity(call, 1, 1);
  require(call.in[0].dtype == call.out[0].dtype && call.in[0].rank == call.out[0].rank,
          "the output's dtype and rank must be the input's");
  if (size_of(call.in[0].dtype) == 1)
    transpose_as<std::uint8_t>(call);
  else
    transpose_as<std::uint32_t>(call);
}

}  // namespace

void register_transpose(KernelTable& table) { table.add("Transpose", transpose); }

}  // namespace rareface::cpu
