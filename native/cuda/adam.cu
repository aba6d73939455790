// One update by Adam of many tensors in few launches: the tensors' addresses go as the kernel's
// argument, and its blocks are shared out among pieces of them.
#include "../arguments/adam.h"
#include "pack.h"
#include "register.h"

namespace rareface::cuda {
namespace {

constexpr std::int64_t kPiece = 2048;  // elements of a block
constexpr int kTensors = 52;           // of a launch, whose arguments may take 4 KB

using AdamTensor = AdamArguments::Tensor;

struct AdamTable {
  const float* scalars;
  int count = 0;
  unsigned first_block[kTensors + 1] = {};
  AdamTensor at[kTensors] = {};
};
static_assert(sizeof(AdamTable) <= 4096);

template <int Width>
__device__ void update(const AdamScalars& s, const AdamTensor& t, std::int64_t i) {
  auto p = load_pack<Width>(t.p + i);
  auto g = load_pack<Width>(t.g + i);
  if (t.more) {
    const auto more = load_pack<Width>(t.more + i);
#pragma unroll
    for (int k = 0; k < Width; ++k) g.v[k] += more.v[k];
  }
  auto m = load_pack<Width>(t.m + i);
  auto v = load_pack<Width>(t.v + i);
#pragma unroll
  for (int k = 0; k < Width; ++k) {
    m.v[k] = m.v[k] * s.decay1 + g.v[k] * s.fresh1;
    v.v[k] = v.v[k] * s.decay2 + g.v[k] * g.v[k] * s.fresh2;
    p.v[k] -= s.rate * m.v[k] / (sqrtf(v.v[k] * s.correction) + s.epsilon);
  }
  store_pack(t.p_new + i, p);
  store_pack(t.m_new + i, m);
  store_pack(t.v_new + i, v);
}

__device__ bool aligned(const AdamTensor& t) {
  const auto bits = [](const float* p) { return reinterpret_cast<std::uintptr_t>(p); };
  return (bits(t.p) | bits(t.g) | bits(t.more) | bits(t.m) | bits(t.v) | bits(t.p_new) |
          bits(t.m_new) | bits(t.v_new)) %
             sizeof(float4) ==
         0;
}

__global__ void __launch_bounds__(kThreads) adam(AdamTable table) {
  int first = 0, last = table.count - 1;  // the block's tensor is among them
  while (first < last) {
    const int middle = (first + last + 1) / 2;
    if (table.first_block[middle] <= blockIdx.x)
      first = middle;
    else
      last = middle - 1;
  }
  const AdamTensor t = table.at[first];
  const float* values = table.scalars;
  const AdamScalars s{values[0], values[1], values[2], values[3], values[4], values[5], values[6]};
  const std::int64_t begin = (blockIdx.x - table.first_block[first]) * kPiece;
  const std::int64_t end = min(begin + kPiece, t.size);
  std::int64_t i = begin;
  if (aligned(t)) {
    const std::int64_t whole = begin + (end - begin) / 4 * 4;
    for (i += threadIdx.x * 4; i < whole; i += kThreads * 4) update<4>(s, t, i);
    i = whole;
  }
  for (i += threadIdx.x; i < end; i += kThreads) update<1>(s, t, i);
}

void adam_update(const Call& call) {
  const AdamArguments a(call);
  AdamTable table;
  table.scalars = a.scalars;
  const auto flush = [&] {
    const Grid grid{.blocks = table.first_block[table.count], .threads = kThreads};
    launch(*call.host, grid, adam, table);
    table.count = 0;
  };
  for (const AdamTensor& tensor : a.tensors) {
    if (tensor.size == 0) continue;
    if (table.count == kTensors) flush();
    table.at[table.count] = tensor;
    table.first_block[table.count + 1] =
        blocks_for(table.first_block[table.count] * kPiece + tensor.size, kPiece);
    ++table.count;
  }
  if (table.count > 0) flush();
}

}  // namespace

void register_adam(KernelTable& table) { table.add("AdamUpdate", adam_update); }

}  // namespace rareface::cuda
