// One update by Adam of many tensors in one call.
#include "../arguments/adam.h"

#include <cmath>
#include <vector>

#include "blocks.h"
#include "register.h"
#include "simd.h"

namespace rareface::cpu {
namespace {

using AdamTensor = AdamArguments::Tensor;

// Sum: whether the gradient has a second term.
template <bool Sum>
void update(const AdamScalars& s, const AdamTensor& t) {
#pragma omp simd
  for (std::int64_t i = 0; i < t.size; ++i) {
    const float g = Sum ? t.g[i] + t.more[i] : t.g[i];
    const float first = t.m[i] * s.decay1 + g * s.fresh1;
    const float second = t.v[i] * s.decay2 + g * g * s.fresh2;
    t.m_new[i] = first;
    t.v_new[i] = second;
    t.p_new[i] = t.p[i] - s.rate * first / (std::sqrt(second * s.correction) + s.epsilon);
  }
}

// The new values may take the place of the old ones.
void update(const AdamScalars& s, const AdamTensor& t) {
  (t.more ? update<true> : update<false>)(s, t);
}

// The same for results elsewhere that no cache would hold until they are read: past the caches.
void update_streamed(const AdamScalars& s, const AdamTensor& t) {
  constexpr std::int64_t kBlock = 64;
  std::int64_t i = 0;
  while (i < t.size && !at_vector(t.p_new + i)) ++i;
  update(s, t.part(0, i));
  for (; i + kBlock <= t.size; i += kBlock) {
    alignas(64) float block[3][kBlock];
    AdamTensor part = t.part(i, kBlock);
    part.p_new = block[0];
    part.m_new = block[1];
    part.v_new = block[2];
    update(s, part);
    for (std::int64_t j = 0; j < kBlock; j += kLanes) stream(t.p_new + i + j, load(block[0] + j));
    for (std::int64_t j = 0; j < kBlock; j += kLanes) stream(t.m_new + i + j, load(block[1] + j));
    for (std::int64_t j = 0; j < kBlock; j += kLanes) stream(t.v_new + i + j, load(block[2] + j));
  }
  update(s, t.part(i, t.size - i));
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
  const AdamScalars scalars{a.scalars[0], a.scalars[1], a.scalars[2], a.scalars[3],
                            a.scalars[4], a.scalars[5], a.scalars[6]};
  std::vector<std::int64_t> starts{0};  // of each tensor among all elements
  for (const AdamTensor& t : a.tensors) starts.push_back(starts.back() + t.size);
  for_blocks(call, starts.back(), kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    auto next = static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), begin) -
                                         starts.begin() - 1);
    for (; begin < end; ++next) {
      const std::int64_t stop = std::min(end, starts[next + 1]);
      const AdamTensor t = a.tensors[next].part(begin - starts[next], stop - begin);
      const bool in_place = t.p == t.p_new || t.m == t.m_new || t.v == t.v_new;
      const bool streamed =
          starts.back() >= kStreamed && !in_place && alike(t.p_new, t.m_new, t.v_new);
      if (streamed)
        update_streamed(scalars, t);
      else
        update(scalars, t);
      begin = stop;
    }
    stream_fence();
  });
}

}  // namespace

void register_adam(KernelTable& table) { table.add("AdamUpdate", adam_update); }

}  // namespace rareface::cpu
