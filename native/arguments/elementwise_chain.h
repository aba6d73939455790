// The arguments of chains of elementwise functions: one expression of float32 tensors.
#pragma once

#include "binary_ops.h"
#include "call.h"
#include "unary_ops.h"

// The functions (unary_ops.h, binary_ops.h) by number, the first being 1; must match
// ts/backend/capture/elementwise-chains.ts.
// clang-format off
#define RAREFACE_CHAIN_VECTORS(X)                                                      \
  X(Relu) X(Relu6) X(Neg) X(Abs) X(Sign) X(Square) X(LeakyRelu) X(Step) X(ClipByValue) \
  X(Reciprocal) X(Exp) X(Log) X(Tanh) X(Sigmoid) X(Softplus)
// clang-format on
#define RAREFACE_CHAIN_SCALARS(X) X(Sqrt) X(Rsqrt)
#define RAREFACE_CHAIN_PAIRS(X) \
  X(Add) X(Sub) X(Multiply) X(RealDiv) X(Maximum) X(Minimum) X(SquaredDifference)

namespace rareface {

// Attributes: of each instruction, in postfix order, its number and two attributes. Number 0 takes
// the input that its first attribute names, which is as large as the result, or one value for all.
struct ElementwiseChain {
  static constexpr int kInputs = 8, kInstructions = 24, kDepth = 4;  // at most

#define RAREFACE_NAME(Name) Name,
  enum class Op : std::int32_t {
    input,
    RAREFACE_CHAIN_VECTORS(RAREFACE_NAME) RAREFACE_CHAIN_SCALARS(RAREFACE_NAME)
        RAREFACE_CHAIN_PAIRS(RAREFACE_NAME) end
  };
#undef RAREFACE_NAME
  struct Instruction {
    Op op;
    std::int32_t input;
    float attributes[2];
  };
  int length = 0;
  Instruction at[kInstructions] = {};

  ElementwiseChain() = default;
  explicit ElementwiseChain(const Call& call) {
    const View& y = call.out[0];
    require(call.out_count == 1 && y.dtype == DType::float32, "gives one float32 tensor");
    require(call.in_count <= kInputs && call.attr_count % 3 == 0 &&
                call.attr_count <= 3 * kInstructions,
            "the expression is too long");
    for (int i = 0; i < call.in_count; ++i)
      require(call.in[i].dtype == DType::float32 &&
                  (call.in[i].size() == y.size() || call.in[i].size() == 1),
              "input ", i, " must be ", y.size(), " floats, or one");
    int depth = 0;
    for (; 3 * length < call.attr_count; ++length) {
      const std::int64_t number = call.attr_int(3 * length);
      require(number >= 0 && number < static_cast<std::int64_t>(Op::end),
              "no function has the number ", number);
      const Op op = static_cast<Op>(number);
      Instruction& instruction = at[length];
      instruction.op = op;
      if (op == Op::input) {
        const std::int64_t input = call.attr_int(3 * length + 1);
        require(input >= 0 && input < call.in_count, "no input has the number ", input);
        instruction.input = static_cast<std::int32_t>(input);
      } else {
        for (int k = 0; k < 2; ++k)
          instruction.attributes[k] = static_cast<float>(call.attr(3 * length + 1 + k));
      }
      const int taken = op == Op::input ? 0 : op < Op::Add ? 1 : 2;
      depth += 1 - taken;
      require(depth >= 1 && depth <= kDepth, "instruction ", length, " does not find its operands");
    }
    require(depth == 1, "is no expression");
  }
};

}  // namespace rareface
