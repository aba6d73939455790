// Elementwise functions of one tensor.
#include "../arguments/unary.h"
#include "elementwise.h"
#include "float_math.h"
#include "register.h"

namespace rareface::cuda {
namespace {

template <class Op>
struct Apply {
  float attributes[2];
  __device__ float operator()(float x) const {
    return Op::template apply<Math, float>(x, attributes);
  }
};
template <class Op>
struct Scalar {
  __device__ float operator()(float x) const { return Op::scalar(x); }
};
template <class Op>
struct Exact {
  __device__ std::int32_t operator()(std::int32_t x) const { return Op::exact(x); }
};
template <class Op>
struct Test {
  template <class T>
  __device__ std::uint8_t operator()(T x) const {
    return Op::test(x) ? 1 : 0;
  }
};

struct Run {
  template <class Op>
  static void on_vectors(const Call& call, const float* attributes) {
    map<!Op::kCostly>(*call.host, call.in[0].f32(), call.out[0].f32_out(), call.out[0].size(),
                      Apply<Op>{{attributes[0], attributes[1]}});
  }
  template <class Op>
  static void on_scalars(const Call& call) {
    map<!Op::kCostly>(*call.host, call.in[0].f32(), call.out[0].f32_out(), call.out[0].size(),
                      Scalar<Op>{});
  }
  template <class Op>
  static void on_ints(const Call& call) {
    map<false>(*call.host, call.in[0].i32(), call.out[0].i32_out(), call.out[0].size(),
               Exact<Op>{});
  }
  template <class Op, class T>
  static void test(const Call& call) {
    map<false>(*call.host, static_cast<const T*>(call.in[0].data), call.out[0].u8_out(),
               call.out[0].size(), Test<Op>{});
  }
};

}  // namespace

void register_unary(KernelTable& table) { UnaryKernels<Run>::add_to(table); }

}  // namespace rareface::cuda
