// Transposition by any permutation of the axes.
#include "../arguments/transpose.h"

#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

template <class T>
void transpose_as(const Call& call, const Permuted& p) {
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

void transpose(const Call& call) {
  const Permuted p = permuted(call);
  if (size_of(call.in[0].dtype) == 1)
    transpose_as<std::uint8_t>(call, p);
  else
    transpose_as<std::uint32_t>(call, p);
}

}  // namespace

void register_transpose(KernelTable& table) { table.add("Transpose", transpose); }

}  // namespace rareface::cpu
