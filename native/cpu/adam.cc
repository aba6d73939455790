// One update by Adam of many tensors in one call.
#include <cmath>
#include <vector>

#include "blocks.h"
#include "register.h"
#include "simd.h"

namespace rareface::cpu {
namespace {

// The scalars of a step, in the order of the first input; see ts/ops/adam.ts. They come as a tensor
// so that a recorded step can be run again with others. The factors of what is new come next to the
// decays since 1 - decay would lose digits in float.
struct Scalars {
  float rate, decay1, fresh1, decay2, fresh2, correction, epsilon;
};

// The new values may take the place of the old ones.
void update(const Scalars& s, const float* p, const float* g, const float* m, const float* v,
            float* p_new, float* m_new, float* v_new, std::int64_t count) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const float first = m[i] * s.decay1 + g[i] * s.fresh1;
    const float second = v[i] * s.decay2 + g[i] * g[i] * s.fresh2;
    m_new[i] = first;
    v_new[i] = second;
    p_new[i] = p[i] - s.rate * first / (std::sqrt(second * s.correction) + s.epsilon);
  }
}

// The same for results elsewhere that no cache would hold until they are read: past the caches.
void update_streamed(const Scalars& s, const float* p, const float* g, const float* m,
                     const float* v, float* p_new, float* m_new, float* v_new, std::int64_t count) {
  constexpr std::int64_t kBlock = 64;
  std::int64_t i = 0;
  while (i < count && !at_vector(p_new + i)) ++i;
  update(s, p, g, m, v, p_new, m_new, v_new, i);
  for (; i + kBlock <= count; i += kBlock) {
    alignas(64) float block[3][kBlock];
    update(s, p + i, g + i, m + i, v + i, block[0], block[1], block[2], kBlock);
    for (std::int64_t j = 0; j < kBlock; j += kLanes) stream(p_new + i + j, load(block[0] + j));
    for (std::int64_t j = 0; j < kBlock; j += kLanes) stream(m_new + i + j, load(block[1] + j));
    for (std::int64_t j = 0; j < kBlock; j += kLanes) stream(v_new + i + j, load(block[2] + j));
  }
  update(s, p + i, g + i, m + i, v + i, p_new + i, m_new + i, v_new + i, count - i);
}

// Whether stream() may write to all of them at the same elements.
bool alike(const float* a, const float* b, const float* c) {
  const auto place = [](const float* p) {
    return reinterpret_cast<std::uintptr_t>(p) % sizeof(Vec);
  };
  return place(a) == place(b) && place(a) == place(c) && place(a) % sizeof(float) == 0;
}

constexpr std::int64_t kStreamed = 1 << 20;  // elements: results of 12 MB

// Inputs: scalars [7], then for n tensors all params, all gradients, all first and all second
// moments. Outputs: all params, all first and all second moments anew; each may be its input
// itself.
void adam_update(const Call& call) {
  const int n = call.out_count / 3;
  require(call.in_count == 1 + 4 * n && call.out_count == 3 * n,
          "takes scalars and four lists, and gives three lists, of as many tensors each");
  require(call.in[0].size() == 7, "takes 7 scalars");
  for (int i = 0; i < call.in_count; ++i)
    require(call.in[i].dtype == DType::float32, "takes float32 only");
  const float* values = call.in[0].f32();
  const Scalars scalars{values[0], values[1], values[2], values[3],
                        values[4], values[5], values[6]};
  std::vector<std::int64_t> starts{0};  // of each tensor among all elements
  for (int t = 0; t < n; ++t) {
    const std::int64_t size = call.in[1 + t].size();
    for (int list = 1; list < 4; ++list)
      require(call.in[1 + list * n + t].size() == size, "tensor ", t, " differs in size");
    for (int list = 0; list < 3; ++list)
      require(call.out[list * n + t].size() == size, "tensor ", t, " differs in size");
    starts.push_back(starts.back() + size);
  }
  for_blocks(call, starts.back(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    auto t = std::upper_bound(starts.begin(), starts.end(), begin) - starts.begin() - 1;
    for (; begin < end; ++t) {
      const auto tensor = static_cast<int>(t);
      const std::int64_t first = begin - starts[static_cast<std::size_t>(t)];
      const std::int64_t stop = std::min(end, starts[static_cast<std::size_t>(t) + 1]);
      const auto in = [&](int list) { return call.in[1 + list * n + tensor].f32() + first; };
      const auto out = [&](int list) { return call.out[list * n + tensor].f32_out() + first; };
      const bool in_place = in(0) == out(0) || in(2) == out(1) || in(3) == out(2);
      const bool streamed =
          starts.back() >= kStreamed && !in_place && alike(out(0), out(1), out(2));
      (streamed ? update_streamed : update)(scalars, in(0), in(1), in(2), in(3), out(0), out(1),
                                            out(2), stop - begin);
      begin = stop;
    }
    stream_fence();
  });
}

}  // namespace

void register_adam(KernelTable& table) { table.add("AdamUpdate", adam_update); }

}  // namespace rareface::cpu
