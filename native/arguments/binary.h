// The elementwise kernels of two tensors: their names, what they take, and what they do to a pair.
#pragma once

#include "binary_ops.h"
#include "call.h"

namespace rareface {

// Run has a `template <class Op, class T, class R> static void run(const Call&)`, which computes
// Op::apply on operands of T, broadcasting them to a result of R (see broadcast.h).
template <class Run>
struct BinaryKernels {
  static void add_to(KernelTable& table) {
    table.add("Add", on_number<ops::Add>);
    table.add("Sub", on_number<ops::Sub>);
    table.add("Multiply", on_number<ops::Multiply>);
    table.add("RealDiv", on_number<ops::RealDiv>);
    table.add("FloorDiv", on_number<ops::FloorDiv>);
    table.add("Maximum", on_number<ops::Maximum>);
    table.add("Minimum", on_number<ops::Minimum>);
    table.add("SquaredDifference", on_number<ops::SquaredDifference>);
    table.add("Pow", on_number<ops::Pow>);
    table.add("Mod", on_number<ops::Mod>);
    table.add("Atan2", on_float<ops::Atan2>);
    table.add("Prelu", on_float<ops::Prelu>);
    table.add("EluGrad", on_float<ops::EluGrad>);
    table.add("BitwiseAnd", on_int<ops::BitwiseAnd>);
    table.add("Equal", comparison<ops::Equal>);
    table.add("NotEqual", comparison<ops::NotEqual>);
    table.add("Less", comparison<ops::Less>);
    table.add("LessEqual", comparison<ops::LessEqual>);
    table.add("Greater", comparison<ops::Greater>);
    table.add("GreaterEqual", comparison<ops::GreaterEqual>);
    table.add("LogicalAnd", comparison<ops::LogicalAnd>);
    table.add("LogicalOr", comparison<ops::LogicalOr>);
    table.add("LogicalXor", comparison<ops::LogicalXor>);
  }

 private:
  static void check(const Call& call) {
    require_arity(call, 2, 1);
    require(call.in[0].dtype == call.in[1].dtype, "the operands' dtypes differ");
  }

  template <class Op>
  static void on_float(const Call& call) {
    check(call);
    require(call.in[0].dtype == DType::float32 && call.out[0].dtype == DType::float32,
            "takes float32 only");
    Run::template run<Op, float, float>(call);
  }

  template <class Op>
  static void on_int(const Call& call) {
    check(call);
    require(call.in[0].dtype == DType::int32 && call.out[0].dtype == DType::int32,
            "takes int32 only");
    Run::template run<Op, std::int32_t, std::int32_t>(call);
  }

  template <class Op>
  static void on_number(const Call& call) {
    check(call);
    if (call.in[0].dtype == DType::float32)
      on_float<Op>(call);
    else
      on_int<Op>(call);
  }

  template <class Op>
  static void comparison(const Call& call) {
    check(call);
    require(call.out[0].dtype == DType::boolean, "gives bool only");
    switch (call.in[0].dtype) {
      case DType::float32:
        return Run::template run<Op, float, std::uint8_t>(call);
      case DType::int32:
        return Run::template run<Op, std::int32_t, std::uint8_t>(call);
      case DType::boolean:
        return Run::template run<Op, std::uint8_t, std::uint8_t>(call);
    }
  }
};

// What AddN takes: any number of tensors of one shape and dtype.
inline void check_add_n(const Call& call) {
  require(call.in_count >= 1 && call.out_count == 1, "takes at least one input");
  const View& y = call.out[0];
  require(y.dtype != DType::boolean, "takes float32 or int32");
  for (int k = 0; k < call.in_count; ++k)
    require(call.in[k].size() == y.size() && call.in[k].dtype == y.dtype,
            "all tensors must have one shape and dtype");
}

}  // namespace rareface
