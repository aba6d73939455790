// tfjs's kernels of matrix products: attributes in, one call of products.
#pragma once

#include "epilogue.h"
#include "matmul.h"

namespace rareface {

// multiply(call, epilogue) does what MatrixProducts says.
template <auto multiply, auto epilogue_of>
class MatMulKernels {
 public:
  static void add(KernelTable& table) {
    table.add("BatchMatMul", batch_matmul);
    table.add("_FusedMatMul", fused_matmul);
  }

 private:
  // (a, b) -> a b, float32 or int32
  static void batch_matmul(const Call& call) {
    require_arity(call, 2, 1);
    multiply(call, {});
  }

  // (a, b, [bias], [prelu]) -> activation(a b + bias); further attributes: see epilogue.h
  static void fused_matmul(const Call& call) {
    require(call.in_count >= 2 && call.out_count == 1, "takes two matrices and options");
    const View& out = call.out[0];
    require(out.rank >= 2, "gives matrices");
    require(out.dtype == DType::float32, "takes float32 only");
    multiply(call, epilogue_of(call, 2, 2, out.dims[out.rank - 1]));
  }
};

}  // namespace rareface
