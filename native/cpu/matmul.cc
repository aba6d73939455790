// Products of stacks of matrices.
#include "../arguments/matmul_kernels.h"
#include "../runtime/reused_scratch.h"
#include "conv_bfloat16.h"
#include "epilogue_args.h"
#include "gemm_columns.h"
#include "gemm_dot.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// The rows of a dense matrix (see gemm.h), or its columns (see gemm_columns.h), each contiguous.
struct Lines {
  const float* data;
  std::int64_t stride;

  std::int64_t line() const { return 0; }
  Part pointers(Part rows, Part segments, std::int64_t skip, const float** table) const {
    for (std::int64_t i = 0; i < rows.size(); ++i)
      table[i] = data + (rows.begin + i) * stride + skip;
    return segments;
  }
  void pixels(Part rows, std::int64_t* pixel) const {
    for (std::int64_t i = 0; i < rows.size(); ++i) pixel[i] = rows.begin + i;
  }
  std::int64_t columns(Part k, std::int64_t, Column* table) const {
    for (std::int64_t i = 0; i < k.size(); ++i)
      table[i] = {data + (k.begin + i) * stride, k.begin + i};
    return k.size();
  }
};

// Elements of two of the `count` lines of A each: of columns that follow each other along K.
Lines line_pairs(const float* a, std::int64_t count, std::int64_t size, Host& host) {
  const std::int64_t pairs = ceil_div(count, Bfloat16::kDepth);
  auto* data =
      static_cast<float*>(host.scratch(static_cast<std::size_t>(pairs * size) * sizeof(float)));
  auto task = [&](std::int64_t pair) {
    for (std::int64_t i = 0; i < size; i += kLanes) {
      const Vec v = Bfloat16::across([&](int d) __attribute__((always_inline)) {
        const std::int64_t line = 2 * pair + d;
        return line < count ? load_some(a + line * size + i, size - i) : Vec{};
      });
      store_some(data + pair * size + i, v, size - i);
    }
  };
  host.parallel(pairs, task);
  return {data, size};
}

struct Product : MatrixProducts {
  // Exact, wrapping as integers do. For the rare product of integers: not blocked.
  void multiply(const std::int32_t* a, const std::int32_t* b, std::int32_t* out, Host& host) const {
    const auto at = [](const std::int32_t* m, std::int64_t i) {
      return static_cast<std::uint32_t>(m[i]);
    };
    auto row = [&](std::int64_t i) {
      for (std::int64_t j = 0; j < cols; ++j) {
        std::uint32_t sum = 0;
        for (std::int64_t l = 0; l < k; ++l)
          sum += at(a, transpose_a ? l * rows + i : i * k + l) *
                 at(b, transpose_b ? j * k + l : l * cols + j);
        out[i * cols + j] = static_cast<std::int32_t>(sum);
      }
    };
    host.parallel(rows, row);
  }

  void multiply(const float* a, const float* b, float* out, const Epilogue& epilogue,
                Host& host) const {
    const RightFactor right{.base = b,
                            .depth = k,
                            .k_stride = transpose_b ? 1 : cols,
                            .col_stride = transpose_b ? k : 1};
    const Output output{out, cols};
    if (product_precision(host, k, cols) == Precision::bfloat16) {
      const std::int64_t elements = right.k<Bfloat16>();
      if (transpose_a) {
        gemm_by_columns<Bfloat16>(line_pairs(a, k, rows, host), elements, {1, rows}, right, cols,
                                  output, epilogue, host);
        return;
      }
      const Image pairs = channel_pairs({a, 1, rows, 1, k, k}, host);
      gemm_by_rows<Bfloat16>(Lines{pairs.data, elements}, rows, {1, elements}, right, cols, output,
                             epilogue, host);
      return;
    }
    if (transpose_a)
      gemm_by_columns(Lines{a, rows}, k, {1, rows}, right, cols, output, epilogue, host);
    else if (cols <= kFewCols && k >= kLanes)
      gemm_dot(Lines{a, k}, rows, {1, k}, right, cols, output, epilogue, host);
    else
      gemm_by_rows(Lines{a, k}, rows, {1, k}, right, cols, output, epilogue, host);
  }
};

// See arguments/matmul.h.
void multiply_matrices(const Call& call, const Epilogue& epilogue) {
  const View &a = call.in[0], &b = call.in[1], &out = call.out[0];
  const Product p{matrix_products(call)};
  ReusedScratch scratch(*call.host);
  for (std::int64_t i = 0; i < p.count; ++i, scratch.rewind()) {
    const std::int64_t at_a = p.a_at(call, i), at_b = p.b_at(call, i);
    const std::int64_t at_out = i * p.rows * p.cols;
    if (p.ints)
      p.multiply(a.i32() + at_a, b.i32() + at_b, out.i32_out() + at_out, scratch);
    else
      p.multiply(a.f32() + at_a, b.f32() + at_b, out.f32_out() + at_out, epilogue, scratch);
  }
}

}  // namespace

void register_matmul(KernelTable& table) {
  MatMulKernels<multiply_matrices, epilogue_of>::add(table);
}

}  // namespace rareface::cpu
