#include "gemm.h"

namespace rareface::cpu {
namespace {

// Rows of B that are contiguous along the columns.
template <class Operand>
void copy_rows(const float* b, std::int64_t stride, std::int64_t rows, std::int64_t cols,
               float* panel) {
  for (std::int64_t i = 0; i < rows; i += Operand::kDepth, panel += kTileCols) {
#pragma GCC unroll 4
    for (int j = 0; j < kTileCols; j += kLanes)
      store(panel + j, Operand::across([&](int d) __attribute__((always_inline)) {
              return i + d < rows ? load_some(b + (i + d) * stride + j, cols - j) : Vec{};
            }));
  }
}

// Rows of B that are contiguous along K, a square of kLanes elements at a time.
template <class Operand>
void copy_transposed(const float* b, std::int64_t stride, std::int64_t rows, std::int64_t cols,
                     float* panel) {
  for (std::int64_t i = 0; i < rows; i += kLanes * Operand::kDepth) {
    const std::int64_t elements =
        std::min<std::int64_t>(kLanes, ceil_div(rows - i, Operand::kDepth));
    for (std::int64_t j = 0; j < kTileCols; j += kLanes) {
      Vec square[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        const float* from = b + (j + l) * stride + i;
        square[l] = Operand::along([&](int d) __attribute__((always_inline)) {
          return j + l >= cols ? Vec{} : load_some(from + d * kLanes, rows - i - d * kLanes);
        });
      }
      transpose(square);
      for (std::int64_t l = 0; l < elements; ++l)
        store(panel + (i / Operand::kDepth + l) * kTileCols + j, square[l]);
    }
  }
}

}  // namespace

Panel RightFactor::lines(std::int64_t cols) const {
  constexpr std::int64_t kMaxStride = 512;  // floats: rows further apart share too few cache sets
  if (col_stride != 1 || cols % kTileCols != 0 || k_stride > kMaxStride) return nullptr;
  for (std::int64_t t = 0; offsets && t < taps; ++t)
    if (offsets[t] != t * depth * k_stride) return nullptr;
  return {base, k_stride};
}

Panel RightFactor::as_panels(std::int64_t cols) const {
  constexpr std::int64_t kMaxSize = 1 << 17;  // floats: half of L2
  const bool one = k_stride == kTileCols;
  return one || k() * cols <= kMaxSize ? lines(cols) : nullptr;
}

template <class Operand>
void pack_panel(const RightFactor& b, std::int64_t col0, std::int64_t cols, Part k, float* panel) {
  const std::int64_t depth = ceil_div(b.depth, Operand::kDepth);
  for (std::int64_t at = k.begin; at < k.end;) {
    const std::int64_t tap = at / depth;
    const std::int64_t element = at % depth, elements = std::min(depth - element, k.end - at);
    const std::int64_t row = element * Operand::kDepth;
    const std::int64_t rows = std::min(b.depth - row, elements * Operand::kDepth);
    const float* from =
        b.base + (b.offsets ? b.offsets[tap] : 0) + row * b.k_stride + col0 * b.col_stride;
    if (b.col_stride == 1)
      copy_rows<Operand>(from, b.k_stride, rows, cols, panel);
    else
      copy_transposed<Operand>(from, b.col_stride, rows, cols, panel);
    at += elements;
    panel += elements * kTileCols;
  }
}

template <class Operand>
float* pack_panels(const RightFactor& b, std::int64_t cols, Host& host) {
  constexpr std::int64_t kRows = 512;  // of a panel in one task
  const std::int64_t count = ceil_div(cols, kTileCols);
  const std::int64_t k = b.k<Operand>();
  const std::int64_t parts = ceil_div(k, kRows);
  auto* panels = static_cast<float*>(
      host.scratch(static_cast<std::size_t>(count * k * kTileCols) * sizeof(float)));
  auto task = [&](std::int64_t index) {
    const std::int64_t p = index / parts;
    const Part rows = part_of(k, parts, index % parts);
    pack_panel<Operand>(b, p * kTileCols, std::min<std::int64_t>(kTileCols, cols - p * kTileCols),
                        rows, panels + (p * k + rows.begin) * kTileCols);
  };
  host.parallel(count * parts, task);
  return panels;
}

template void pack_panel<Float32>(const RightFactor&, std::int64_t, std::int64_t, Part, float*);
template void pack_panel<Bfloat16>(const RightFactor&, std::int64_t, std::int64_t, Part, float*);
template float* pack_panels<Float32>(const RightFactor&, std::int64_t, Host&);
template float* pack_panels<Bfloat16>(const RightFactor&, std::int64_t, Host&);

}  // namespace rareface::cpu
