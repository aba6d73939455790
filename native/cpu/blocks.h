// How loops over many elements are cut into tasks: by shape alone, never by the thread count, so
// that results are the same for any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../arguments/call.h"

namespace rareface::cpu {

// Elements a task: enough to hide what waking the pool costs.
constexpr std::int64_t kCheapGrain = 32768;  // a load, an operation and a store each
constexpr std::int64_t kCostlyGrain = 8192;  // tens of operations each

// body(begin, end) over [0, n) in blocks of `grain`, in parallel.
template <class F>
void for_blocks(const Call& call, std::int64_t n, std::int64_t grain, F&& body) {
  if (n <= 0) return;
  if (n <= grain) {
    body(std::int64_t{0}, n);
    return;
  }
  auto block = [&](std::int64_t i) { body(i * grain, std::min(n, (i + 1) * grain)); };
  call.host->parallel(ceil_div(n, grain), block);
}

// body(begin, end) over `rows` rows of `row` elements each, about `grain` elements a task.
template <class F>
void for_rows(const Call& call, std::int64_t rows, std::int64_t row, std::int64_t grain, F&& body) {
  for_blocks(call, rows, std::max<std::int64_t>(1, grain / std::max<std::int64_t>(1, row)), body);
}

}  // namespace rareface::cpu
