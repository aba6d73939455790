// Elementwise functions of one tensor. What NaN and the infinities give is what JavaScript's Math
// gives, as in tfjs.
#include <cmath>

#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

void check(const Call& call, DType in, DType out) {
  require_arity(call, 1, 1);
  require(call.in[0].dtype == in && call.out[0].dtype == out, "wrong dtypes");
  require(call.in[0].size() == call.out[0].size(), "sizes differ");
}

// --- float32 -> float32, on vectors. F: Vec(Vec, const double* attrs).
using VecFunction = Vec (*)(Vec, const float*);

template <VecFunction F, std::int64_t grain, int attr_count>
void vec_kernel(const Call& call) {
  check(call, DType::float32, DType::float32);
  float attrs[2] = {};
  for (int i = 0; i < attr_count; ++i) attrs[i] = static_cast<float>(call.attr(i));
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  for_blocks(call, call.out[0].size(), grain, [&](std::int64_t begin, std::int64_t end) {
    map_vec(x + begin, y + begin, end - begin, [&](Vec v) { return F(v, attrs); });
  });
}

Vec v_relu(Vec x, const float*) { return x < 0.0f ? Vec{} : x; }
Vec v_relu6(Vec x, const float*) {
  const Vec low = x < 0.0f ? Vec{} : x;
  return low > 6.0f ? splat(6.0f) : low;
}
Vec v_leaky_relu(Vec x, const float* a) { return x < 0.0f ? x * a[0] : x; }
Vec v_elu(Vec x, const float*) { return x < 0.0f ? expm1(x) : x; }
Vec v_selu(Vec x, const float*) {
  constexpr float kScale = 1.0507009873554804934193349852946f;
  constexpr float kScaleAlpha = 1.7580993408473768599402175208123f;
  return x < 0.0f ? expm1(x) * kScaleAlpha : x * kScale;
}
Vec v_neg(Vec x, const float*) { return -x; }
Vec v_abs(Vec x, const float*) { return abs(x); }
Vec v_sign(Vec x, const float*) {
  return x > 0.0f ? splat(1.0f) : (x < 0.0f ? splat(-1.0f) : Vec{});
}
Vec v_square(Vec x, const float*) { return x * x; }
Vec v_reciprocal(Vec x, const float*) { return 1.0f / x; }
Vec v_step(Vec x, const float* a) {
  const Vec y = x > 0.0f ? splat(1.0f) : splat(a[0]);
  return x != x ? x : y;
}
Vec v_clip(Vec x, const float* a) {
  const Vec y = x > a[1] ? splat(a[1]) : x;
  return y < a[0] ? splat(a[0]) : y;
}
Vec v_exp(Vec x, const float*) { return exp(x); }
Vec v_expm1(Vec x, const float*) { return expm1(x); }
Vec v_log(Vec x, const float*) { return log(x); }
Vec v_log1p(Vec x, const float*) { return log1p(x); }
Vec v_tanh(Vec x, const float*) { return tanh(x); }
Vec v_sigmoid(Vec x, const float*) { return sigmoid(x); }
Vec v_softplus(Vec x, const float*) { return softplus(x); }

// --- float32 -> float32, on scalars: what the compiler vectorises itself, or what is rare.
template <float (*F)(float), std::int64_t grain>
void scalar_kernel(const Call& call) {
  check(call, DType::float32, DType::float32);
  const float* x = call.in[0].f32();
  float* y = call.out[0].f32_out();
  for_blocks(call, call.out[0].size(), grain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = F(x[i]);
  });
}

inline float s_sqrt(float x) { return std::sqrt(x); }
inline float s_rsqrt(float x) { return 1.0f / std::sqrt(x); }
inline float s_floor(float x) { return std::floor(x); }
inline float s_ceil(float x) { return std::ceil(x); }
inline float s_round(float x) { return std::nearbyint(x); }  // half to even, as tfjs
inline float s_erf(float x) { return std::erf(x); }
inline float s_sin(float x) { return std::sin(x); }
inline float s_cos(float x) { return std::cos(x); }
// Near its poles the float32 function is off by enough to be seen.
inline float s_tan(float x) { return static_cast<float>(std::tan(static_cast<double>(x))); }
inline float s_asin(float x) { return std::asin(x); }
inline float s_acos(float x) { return std::acos(x); }
inline float s_atan(float x) { return std::atan(x); }
inline float s_sinh(float x) { return std::sinh(x); }
inline float s_cosh(float x) { return std::cosh(x); }
inline float s_asinh(float x) { return std::asinh(x); }
inline float s_acosh(float x) { return std::acosh(x); }
inline float s_atanh(float x) { return std::atanh(x); }

// --- float32 -> bool.
template <bool (*F)(float)>
void test_kernel(const Call& call) {
  check(call, DType::float32, DType::boolean);
  const float* x = call.in[0].f32();
  std::uint8_t* y = call.out[0].u8_out();
  for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
    for (std::int64_t i = begin; i < end; ++i) y[i] = F(x[i]) ? 1 : 0;
  });
}

inline bool is_nan(float x) { return x != x; }
inline bool is_inf(float x) { return std::fabs(x) == std::numeric_limits<float>::infinity(); }
inline bool is_finite(float x) { return std::fabs(x) < std::numeric_limits<float>::infinity(); }

void logical_not(const Call& call) {
  check(call, DType::boolean, DType::boolean);
  const std::uint8_t* x = call.in[0].u8();
  std::uint8_t* y = call.out[0].u8_out();
  for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = x[i] ? 0 : 1;
  });
}

// --- The few that also take int32, exactly.
template <std::int32_t (*F)(std::int32_t), Kernel on_float>
void either_kernel(const Call& call) {
  require_arity(call, 1, 1);
  if (call.in[0].dtype == DType::float32) return on_float(call);
  check(call, DType::int32, DType::int32);
  const std::int32_t* x = call.in[0].i32();
  std::int32_t* y = call.out[0].i32_out();
  for_blocks(call, call.out[0].size(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) y[i] = F(x[i]);
  });
}

// Unsigned arithmetic wraps where JavaScript's ToInt32 does.
inline std::int32_t i_neg(std::int32_t x) {
  return static_cast<std::int32_t>(0u - static_cast<std::uint32_t>(x));
}
inline std::int32_t i_abs(std::int32_t x) { return x < 0 ? i_neg(x) : x; }
inline std::int32_t i_sign(std::int32_t x) { return (x > 0) - (x < 0); }
inline std::int32_t i_square(std::int32_t x) {
  const auto u = static_cast<std::uint32_t>(x);
  return static_cast<std::int32_t>(u * u);
}
inline std::int32_t i_relu(std::int32_t x) { return x > 0 ? x : 0; }
inline std::int32_t i_relu6(std::int32_t x) { return x > 6 ? 6 : (x > 0 ? x : 0); }

}  // namespace

void register_unary(KernelTable& table) {
  table.add("Relu", either_kernel<i_relu, vec_kernel<v_relu, kCheapGrain, 0>>);
  table.add("Relu6", either_kernel<i_relu6, vec_kernel<v_relu6, kCheapGrain, 0>>);
  table.add("Neg", either_kernel<i_neg, vec_kernel<v_neg, kCheapGrain, 0>>);
  table.add("Abs", either_kernel<i_abs, vec_kernel<v_abs, kCheapGrain, 0>>);
  table.add("Sign", either_kernel<i_sign, vec_kernel<v_sign, kCheapGrain, 0>>);
  table.add("Square", either_kernel<i_square, vec_kernel<v_square, kCheapGrain, 0>>);
  table.add("LeakyRelu", vec_kernel<v_leaky_relu, kCheapGrain, 1>);
  table.add("Step", vec_kernel<v_step, kCheapGrain, 1>);
  table.add("ClipByValue", vec_kernel<v_clip, kCheapGrain, 2>);
  table.add("Reciprocal", vec_kernel<v_reciprocal, kCheapGrain, 0>);
  table.add("Elu", vec_kernel<v_elu, kCostlyGrain, 0>);
  table.add("Selu", vec_kernel<v_selu, kCostlyGrain, 0>);
  table.add("Exp", vec_kernel<v_exp, kCostlyGrain, 0>);
  table.add("Expm1", vec_kernel<v_expm1, kCostlyGrain, 0>);
  table.add("Log", vec_kernel<v_log, kCostlyGrain, 0>);
  table.add("Log1p", vec_kernel<v_log1p, kCostlyGrain, 0>);
  table.add("Tanh", vec_kernel<v_tanh, kCostlyGrain, 0>);
  table.add("Sigmoid", vec_kernel<v_sigmoid, kCostlyGrain, 0>);
  table.add("Softplus", vec_kernel<v_softplus, kCostlyGrain, 0>);
  table.add("Sqrt", scalar_kernel<s_sqrt, kCheapGrain>);
  table.add("Rsqrt", scalar_kernel<s_rsqrt, kCheapGrain>);
  table.add("Floor", scalar_kernel<s_floor, kCheapGrain>);
  table.add("Ceil", scalar_kernel<s_ceil, kCheapGrain>);
  table.add("Round", scalar_kernel<s_round, kCheapGrain>);
  table.add("Erf", scalar_kernel<s_erf, kCostlyGrain>);
  table.add("Sin", scalar_kernel<s_sin, kCostlyGrain>);
  table.add("Cos", scalar_kernel<s_cos, kCostlyGrain>);
  table.add("Tan", scalar_kernel<s_tan, kCostlyGrain>);
  table.add("Asin", scalar_kernel<s_asin, kCostlyGrain>);
  table.add("Acos", scalar_kernel<s_acos, kCostlyGrain>);
  table.add("Atan", scalar_kernel<s_atan, kCostlyGrain>);
  table.add("Sinh", scalar_kernel<s_sinh, kCostlyGrain>);
  table.add("Cosh", scalar_kernel<s_cosh, kCostlyGrain>);
  table.add("Asinh", scalar_kernel<s_asinh, kCostlyGrain>);
  table.add("Acosh", scalar_kernel<s_acosh, kCostlyGrain>);
  table.add("Atanh", scalar_kernel<s_atanh, kCostlyGrain>);
  table.add("IsNan", test_kernel<is_nan>);
  table.add("IsInf", test_kernel<is_inf>);
  table.add("IsFinite", test_kernel<is_finite>);
  table.add("LogicalNot", logical_not);
}

}  // namespace rareface::cpu
