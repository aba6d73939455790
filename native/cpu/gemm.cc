#include "gemm.h"

namespace rareface::cpu {
namespace {

// Rows of B that are contiguous along the columns.
void copy_rows(const float* b, std::int64_t stride, std::int64_t rows, std::int64_t cols,
               float* panel) {
  for (std::int64_t i = 0; i < rows; ++i, b += stride, panel += kTileCols) {
#pragma GCC unroll 4
    for (int j = 0; j < kTileCols; j += kLanes) {
      const std::int64_t count = cols - j;
      store(panel + j, count >= kLanes ? load(b + j) : count > 0 ? load_part(b + j, count) : Vec{});
    }
  }
}

// Rows of B that are contiguous along K, a square of kLanes at a time.
void copy_transposed(const float* b, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                     float* panel) {
  for (std::int64_t i = 0; i < rows; i += kLanes) {
    const std::int64_t depth = std::min<std::int64_t>(kLanes, rows - i);
    for (std::int64_t j = 0; j < kTileCols; j += kLanes) {
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        const float* from = b + (j + l) * stride + i;
        square[l] = j + l >= cols ? Vec{} : depth == kLanes ? load(from) : load_part(from, depth);
      }
      transpose(square);
      for (std::int64_t l = 0; l < depth; ++l) store(panel + (i + l) * kTileCols + j, square[l]);
    }
  }
}

}  // namespace

const float* RightFactor::as_panel(std::int64_t cols) const {
  if (cols != kTileCols || k_stride != kTileCols || col_stride != 1) return nullptr;
  for (std::int64_t t = 0; offsets && t < taps; ++t)
    if (offsets[t] != t * depth * k_stride) return nullptr;
  return base;
}

void pack_panel(const RightFactor& b, std::int64_t col0, std::int64_t cols, Part k, float* panel) {
  for (std::int64_t at = k.begin; at < k.end;) {
    const std::int64_t tap = at / b.depth;
    const std::int64_t row = at % b.depth;
    const std::int64_t rows = std::min(b.depth - row, k.end - at);
    const float* from =
        b.base + (b.offsets ? b.offsets[tap] : 0) + row * b.k_stride + col0 * b.col_stride;
    if (b.col_stride == 1)
      copy_rows(from, b.k_stride, rows, cols, panel);
    else
      copy_transposed(from, b.col_stride, rows, cols, panel);
    at += rows;
    panel += rows * kTileCols;
  }
}

float* pack_panels(const RightFactor& b, std::int64_t cols, Host& host) {
  constexpr std::int64_t kRows = 512;  // of a panel in one task
  const std::int64_t count = ceil_div(cols, kTileCols);
  const std::int64_t k = b.k();
  const std::int64_t parts = ceil_div(k, kRows);
  auto* panels = static_cast<float*>(
      host.scratch(static_cast<std::size_t>(count * k * kTileCols) * sizeof(float)));
  auto task = [&](std::int64_t index) {
    const std::int64_t p = index / parts;
    const Part rows = part_of(k, parts, index % parts);
    pack_panel(b, p * kTileCols, std::min<std::int64_t>(kTileCols, cols - p * kTileCols), rows,
               panels + (p * k + rows.begin) * kTileCols);
  };
  host.parallel(count * parts, task);
  return panels;
}

}  // namespace rareface::cpu
