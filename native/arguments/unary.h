// The elementwise kernels of one tensor: their names, what they take, and what they do to an
// element.
#pragma once

#include "call.h"
#include "unary_ops.h"

namespace rareface {

// Run has the static functions
//   template <class Op> void on_vectors(const Call&, const float* attributes)  Op::apply, float32
//   template <class Op> void on_scalars(const Call&)                           Op::scalar, float32
//   template <class Op> void on_ints(const Call&)                              Op::exact, int32
//   template <class Op, class T> void test(const Call&)                        Op::test, T -> bool
template <class Run>
struct UnaryKernels {
  static void add_to(KernelTable& table) {
    table.add("Relu", either<ops::Relu>);
    table.add("Relu6", either<ops::Relu6>);
    table.add("Neg", either<ops::Neg>);
    table.add("Abs", either<ops::Abs>);
    table.add("Sign", either<ops::Sign>);
    table.add("Square", either<ops::Square>);
    table.add("LeakyRelu", vectors<ops::LeakyRelu>);
    table.add("Step", vectors<ops::Step>);
    table.add("ClipByValue", vectors<ops::ClipByValue>);
    table.add("Reciprocal", vectors<ops::Reciprocal>);
    table.add("Elu", vectors<ops::Elu>);
    table.add("Selu", vectors<ops::Selu>);
    table.add("Exp", vectors<ops::Exp>);
    table.add("Expm1", vectors<ops::Expm1>);
    table.add("Log", vectors<ops::Log>);
    table.add("Log1p", vectors<ops::Log1p>);
    table.add("Tanh", vectors<ops::Tanh>);
    table.add("Sigmoid", vectors<ops::Sigmoid>);
    table.add("Softplus", vectors<ops::Softplus>);
    table.add("Sqrt", scalars<ops::Sqrt>);
    table.add("Rsqrt", scalars<ops::Rsqrt>);
    table.add("Floor", scalars<ops::Floor>);
    table.add("Ceil", scalars<ops::Ceil>);
    table.add("Round", scalars<ops::Round>);
    table.add("Erf", scalars<ops::Erf>);
    table.add("Sin", scalars<ops::Sin>);
    table.add("Cos", scalars<ops::Cos>);
    table.add("Tan", scalars<ops::Tan>);
    table.add("Asin", scalars<ops::Asin>);
    table.add("Acos", scalars<ops::Acos>);
    table.add("Atan", scalars<ops::Atan>);
    table.add("Sinh", scalars<ops::Sinh>);
    table.add("Cosh", scalars<ops::Cosh>);
    table.add("Asinh", scalars<ops::Asinh>);
    table.add("Acosh", scalars<ops::Acosh>);
    table.add("Atanh", scalars<ops::Atanh>);
    table.add("IsNan", test<ops::IsNan, float, DType::float32>);
    table.add("IsInf", test<ops::IsInf, float, DType::float32>);
    table.add("IsFinite", test<ops::IsFinite, float, DType::float32>);
    table.add("LogicalNot", test<ops::LogicalNot, std::uint8_t, DType::boolean>);
  }

 private:
  static void check(const Call& call, DType in, DType out) {
    require_arity(call, 1, 1);
    require(call.in[0].dtype == in && call.out[0].dtype == out, "wrong dtypes");
    require(call.in[0].size() == call.out[0].size(), "sizes differ");
  }

  template <class Op>
  static void vectors(const Call& call) {
    check(call, DType::float32, DType::float32);
    float attributes[2] = {};
    for (int i = 0; i < Op::kAttributes; ++i) attributes[i] = static_cast<float>(call.attr(i));
    Run::template on_vectors<Op>(call, attributes);
  }

  template <class Op>
  static void scalars(const Call& call) {
    check(call, DType::float32, DType::float32);
    Run::template on_scalars<Op>(call);
  }

  // float32, or int32 exactly.
  template <class Op>
  static void either(const Call& call) {
    require_arity(call, 1, 1);
    if (call.in[0].dtype == DType::float32) return vectors<Op>(call);
    check(call, DType::int32, DType::int32);
    Run::template on_ints<Op>(call);
  }

  template <class Op, class T, DType in>
  static void test(const Call& call) {
    check(call, in, DType::boolean);
    Run::template test<Op, T>(call);
  }
};

}  // namespace rareface
