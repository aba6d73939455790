// Expressions of elementwise functions, read and written once: what a recorded step makes of calls
// of which each takes what the one before gave.
#include "../arguments/elementwise_chain.h"
#include "elementwise.h"
#include "float_math.h"
#include "register.h"

namespace rareface::cuda {
namespace {

struct Chain {
  ElementwiseChain program;
  const float* in[ElementwiseChain::kInputs];
  bool one[ElementwiseChain::kInputs];  // one value for all elements
  float* y;
};

// The last values that are still to be taken, in registers: indices must be known when compiling.
template <int N>
struct Stack {
  Pack<float, N> top[ElementwiseChain::kDepth] = {};

  __device__ __forceinline__ void push(const Pack<float, N>& x) {
#pragma unroll
    for (int i = ElementwiseChain::kDepth - 1; i > 0; --i) top[i] = top[i - 1];
    top[0] = x;
  }
  template <class Op>
  __device__ __forceinline__ void map(const float* attributes) {
#pragma unroll
    for (int k = 0; k < N; ++k) top[0].v[k] = Op::template apply<Math>(top[0].v[k], attributes);
  }
  template <class Op>
  __device__ __forceinline__ void map_scalars() {
#pragma unroll
    for (int k = 0; k < N; ++k) top[0].v[k] = Op::scalar(top[0].v[k]);
  }
  template <class Op>
  __device__ __forceinline__ void combine() {
#pragma unroll
    for (int k = 0; k < N; ++k) top[0].v[k] = Op::apply(top[1].v[k], top[0].v[k]);
#pragma unroll
    for (int i = 1; i + 1 < ElementwiseChain::kDepth; ++i) top[i] = top[i + 1];
  }
};

template <int N>
__device__ __forceinline__ Pack<float, N> read(const Chain& chain, int input, std::int64_t i) {
  const float* x = chain.in[input];
  if (!chain.one[input]) return reinterpret_cast<const Pack<float, N>*>(x)[i];
  Pack<float, N> pack;
#pragma unroll
  for (int k = 0; k < N; ++k) pack.v[k] = *x;
  return pack;
}

// `count` packs of N elements.
template <int N>
__global__ void run_chain(Chain chain, std::int64_t count) {
  using Op = ElementwiseChain::Op;
  for_each(count, [&](std::int64_t i) {
    Stack<N> stack;
    for (int at = 0; at < chain.program.length; ++at) {
      const ElementwiseChain::Instruction& instruction = chain.program.at[at];
      switch (instruction.op) {
        case Op::input:
          stack.push(read<N>(chain, instruction.input, i));
          break;
#define RAREFACE_CASE(Name)                                \
  case Op::Name:                                           \
    stack.template map<ops::Name>(instruction.attributes); \
    break;
          RAREFACE_CHAIN_VECTORS(RAREFACE_CASE)
#undef RAREFACE_CASE
#define RAREFACE_CASE(Name)                  \
  case Op::Name:                             \
    stack.template map_scalars<ops::Name>(); \
    break;
          RAREFACE_CHAIN_SCALARS(RAREFACE_CASE)
#undef RAREFACE_CASE
#define RAREFACE_CASE(Name)              \
  case Op::Name:                         \
    stack.template combine<ops::Name>(); \
    break;
          RAREFACE_CHAIN_PAIRS(RAREFACE_CASE)
#undef RAREFACE_CASE
        case Op::end:
          break;
      }
    }
    reinterpret_cast<Pack<float, N>*>(chain.y)[i] = stack.top[0];
  });
}

void elementwise_chain(const Call& call) {
  Chain chain{.program = ElementwiseChain(call), .in = {}, .one = {}, .y = call.out[0].f32_out()};
  const std::int64_t size = call.out[0].size();
  bool packs = packable<float>(size, chain.y);
  for (int i = 0; i < call.in_count; ++i) {
    chain.in[i] = call.in[i].f32();
    chain.one[i] = call.in[i].size() != size;
    packs = packs && (chain.one[i] || packable<float>(size, chain.in[i]));
  }
  if (packs)
    launch(*call.host, grid_for(size / 4), run_chain<4>, chain, size / 4);
  else
    launch(*call.host, grid_for(size), run_chain<1>, chain, size);
}

}  // namespace

void register_elementwise_chain(KernelTable& table) {
  table.add("ElementwiseChain", elementwise_chain);
}

}  // namespace rareface::cuda
