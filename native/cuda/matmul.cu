// Products of stacks of matrices: convolutions by 1x1 filters, whose images are the stacks' rows.
#include "../arguments/matmul_kernels.h"
#include "../arguments/precision.h"
#include "epilogue_args.h"
#include "launch.h"
#include "product_places.h"
#include "product_setup.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// Steps from one matrix of `v` to the next along each dimension of the result's stack.
void set_steps(const View& v, const View& out, std::int64_t size, std::int64_t* steps) {
  std::int64_t step = size;
  for (int i = out.rank - 3; i >= 0; --i) {
    const int own = i - (out.rank - v.rank);
    const std::int64_t dim = own < 0 ? 1 : v.dims[own];
    steps[i] = dim == 1 ? 0 : step;
    step *= dim;
  }
}

Stack stack_of(const Call& call, const MatrixProducts& m) {
  const View &a = call.in[0], &b = call.in[1], &out = call.out[0];
  Stack stack;
  stack.out = m.rows * m.cols;
  if (m.count <= 1) return stack;
  stack.rank = out.rank - 2;
  for (int i = 0; i < stack.rank; ++i) stack.dims[i] = Divisor(out.dims[i]);
  set_steps(a, out, m.rows * m.k, stack.a);
  set_steps(b, out, m.k * m.cols, stack.b);
  return stack;
}

// to[c][r] = from[r][c], for `count` matrices.
__global__ void transpose(const float* from, float* to, std::int64_t rows, std::int64_t cols,
                          std::int64_t count) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x, size = rows * cols;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count * size;
       i += step) {
    const std::int64_t at = i % size;
    to[i] = from[i - at + at % rows * cols + at / rows];
  }
}

// Exact, wrapping as integers do. For the rare product of integers: not blocked.
__global__ void multiply_ints(const std::int32_t* a, const std::int32_t* b, std::int32_t* out,
                              MatrixProducts m, Stack stack) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x, size = m.rows * m.cols;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < m.count * size;
       i += step) {
    const StackOffsets at(stack, static_cast<int>(i / size));
    const std::int64_t row = i % size / m.cols, col = i % m.cols;
    std::uint32_t sum = 0;
    for (std::int64_t k = 0; k < m.k; ++k)
      sum +=
          static_cast<std::uint32_t>(a[at.a + (m.transpose_a ? k * m.rows + row : row * m.k + k)]) *
          static_cast<std::uint32_t>(b[at.b + (m.transpose_b ? col * m.k + k : k * m.cols + col)]);
    out[i] = static_cast<std::int32_t>(sum);
  }
}

void multiply(const MatrixProducts& m, const Stack& stack, const float* a, const float* b,
              float* out, const Epilogue& epilogue, Host& host) {
  Product p;
  p.stack = stack;
  p.epilogue = epilogue;
  p.phase_count = 1;
  Phase& phase = p.phases[0];
  // The lines of a in memory are pixels: rows, or if it is transposed what is summed over.
  const std::int64_t pixels = m.transpose_a ? m.k : m.rows;
  const std::int64_t channels = m.transpose_a ? m.rows : m.k;
  phase.positions = as_int(pixels, "rows");
  phase.width = Divisor(pixels);
  phase.depth = as_int(channels, "columns");
  set_image(p, a, 1, 1, pixels, channels, channels);
  if (m.transpose_b)
    set_columns(p, b, 1, m.cols, m.k);
  else
    set_rows(p, b, m.k, m.cols, m.cols);
  set_out(p, out, m.rows, m.cols);
  start(m.transpose_a   ? Form::filter_grad
        : m.transpose_b ? Form::input_grad
                        : Form::forward,
        p, as_int(m.count, "matrices"), product_precision(host, m.k, m.cols), host);
}

// See arguments/matmul.h.
void multiply_matrices(const Call& call, const Epilogue& epilogue) {
  MatrixProducts m = matrix_products(call);
  const Stack stack = stack_of(call, m);
  if (m.ints) {
    launch(*call.host, grid_for(m.count * m.rows * m.cols), multiply_ints, call.in[0].i32(),
           call.in[1].i32(), call.out[0].i32_out(), m, stack);
    return;
  }
  const float* a = call.in[0].f32();
  if (m.transpose_a && m.transpose_b) {  // the one way that no form of product has
    const std::int64_t size = call.in[0].size();
    auto* rows =
        static_cast<float*>(call.host->scratch(static_cast<std::size_t>(size) * sizeof(float)));
    launch(*call.host, grid_for(size), transpose, a, rows, m.k, m.rows,
           size / std::max<std::int64_t>(1, m.rows * m.k));
    a = rows;
    m.transpose_a = false;
  }
  multiply(m, stack, a, call.in[1].f32(), call.out[0].f32_out(), epilogue, *call.host);
}

}  // namespace

void register_matmul(KernelTable& table) {
  MatMulKernels<multiply_matrices, epilogue_of>::add(table);
}

}  // namespace rareface::cuda
