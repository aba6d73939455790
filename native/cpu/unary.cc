// Elementwise functions of one tensor.
#include "../arguments/unary.h"

#include "blocks.h"
#include "register.h"
#include "vector_math.h"

namespace rareface::cpu {
namespace {

template <class Op>
constexpr std::int64_t kGrain = Op::kCostly ? kCostlyGrain : kCheapGrain;

struct VecMath {
  static Vec abs(Vec x) { return cpu::abs(x); }
  static Vec exp(Vec x) { return cpu::exp(x); }
  static Vec expm1(Vec x) { return cpu::expm1(x); }
  static Vec log(Vec x) { return cpu::log(x); }
  static Vec log1p(Vec x) { return cpu::log1p(x); }
  static Vec tanh(Vec x) { return cpu::tanh(x); }
  static Vec sigmoid(Vec x) { return cpu::sigmoid(x); }
  static Vec softplus(Vec x) { return cpu::softplus(x); }
};

struct Run {
  template <class Op>
  static void on_vectors(const Call& call, const float* attributes) {
    const float* x = call.in[0].f32();
    float* y = call.out[0].f32_out();
    for_blocks(call, call.out[0].size(), kGrain<Op>, [&](std::int64_t begin, std::int64_t end) {
      map_vec(x + begin, y + begin, end - begin,
              [&](Vec v) { return Op::template apply<VecMath>(v, attributes); });
    });
  }

  template <class Op>
  static void on_scalars(const Call& call) {
    map<kGrain<Op>>(call, call.in[0].f32(), call.out[0].f32_out(),
                    [](float x) { return Op::scalar(x); });
  }

  template <class Op>
  static void on_ints(const Call& call) {
    map<kCheapGrain>(call, call.in[0].i32(), call.out[0].i32_out(),
                     [](std::int32_t x) { return Op::exact(x); });
  }

  template <class Op, class T>
  static void test(const Call& call) {
    map<kCheapGrain>(call, static_cast<const T*>(call.in[0].data), call.out[0].u8_out(),
                     [](T x) { return static_cast<std::uint8_t>(Op::test(x) ? 1 : 0); });
  }

 private:
  template <std::int64_t grain, class T, class R, class F>
  static void map(const Call& call, const T* x, R* y, F f) {
    for_blocks(call, call.out[0].size(), grain, [&](std::int64_t begin, std::int64_t end) {
#pragma omp simd
      for (std::int64_t i = begin; i < end; ++i) y[i] = f(x[i]);
    });
  }
};

}  // namespace

void register_unary(KernelTable& table) { UnaryKernels<Run>::add_to(table); }

}  // namespace rareface::cpu
