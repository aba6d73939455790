// One update by Adam of many tensors in one call.
#include "../arguments/adam.h"

#include <cmath>
#include <vector>

#include "blocks.h"
#include "register.h"
#include "simd.h"

namespace rareface::cpu {
namespace {

// The new values may take the place of the old ones.
void update(const AdamScalars& s, const float* p, const float* g, const float* m, const float* v,
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
void update_streamed(const AdamScalars& s, const float* p, const float* g, const float* m,
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

void adam_update(const Call& call) {
  const AdamArguments a(call);
  const float* values = call.in[0].f32();
  const AdamScalars scalars{values[0], values[1], values[2], values[3],
                            values[4], values[5], values[6]};
  std::vector<std::int64_t> starts{0};  // of each tensor among all elements
  for (int t = 0; t < a.tensors; ++t) starts.push_back(starts.back() + a.size(call, t));
  for_blocks(call, starts.back(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    auto t = std::upper_bound(starts.begin(), starts.end(), begin) - starts.begin() - 1;
    for (; begin < end; ++t) {
      const auto tensor = static_cast<int>(t);
      const std::int64_t first = begin - starts[static_cast<std::size_t>(t)];
      const std::int64_t stop = std::min(end, starts[static_cast<std::size_t>(t) + 1]);
      const auto in = [&](int list) { return a.in(call, list, tensor) + first; };
      const auto out = [&](int list) { return a.out(call, list, tensor) + first; };
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
