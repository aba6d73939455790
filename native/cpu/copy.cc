// Kernels that only move elements: each output index along an axis comes from one input index.
#include <cstring>
#include <vector>

#include "../arguments/convert.h"
#include "../arguments/movement.h"
#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// For an axis of the output: the input index behind each index, or -1 for the fill value.
using IndexMap = std::vector<std::int64_t>;

struct Run {  // consecutive indices along the last moved axis
  std::int64_t out, in, count;
};

std::vector<Run> runs_of(const IndexMap& map) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const std::int64_t in = map[i];
    if (!runs.empty()) {
      Run& last = runs.back();
      if (in < 0 ? last.in < 0 : last.in >= 0 && in == last.in + last.count) {
        ++last.count;
        continue;
      }
    }
    runs.push_back({static_cast<std::int64_t>(i), in, 1});
  }
  return runs;
}

template <class T>
void remap(const Call& call, const Moves& moves, T fill) {
  const View& x = call.in[0];
  const View& y = call.out[0];
  const T* src = static_cast<const T*>(x.data);
  T* dst = static_cast<T*>(y.data);
  const std::int64_t size = y.size();
  if (size == 0) return;
  int last = moves.rank - 1;  // innermost axis along which anything moves
  while (last >= 0 && moves.axes[last].is_identity()) --last;
  if (last < 0) {
    for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      std::copy(src + begin, src + end, dst + begin);
    });
    return;
  }
  const std::int64_t block = product(x.dims, last + 1, x.rank);
  IndexMap map(static_cast<std::size_t>(y.dims[last]));
  for (std::size_t i = 0; i < map.size(); ++i)
    map[i] = moves.axes[last].from(static_cast<std::int64_t>(i));
  const std::vector<Run> runs = runs_of(map);
  const bool scattered = block == 1 && runs.size() * 4 > map.size();
  std::int64_t strides[kMaxRank];
  for (int i = 0; i < last; ++i) strides[i] = product(x.dims, i + 1, x.rank);
  const std::int64_t row = y.dims[last] * block;
  for_rows(call, size / row, row, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      T* out = dst + r * row;
      std::int64_t offset = 0, rest = r;
      for (int i = last - 1; i >= 0 && offset >= 0; --i) {
        const std::int64_t from = moves.axes[i].from(rest % y.dims[i]);
        offset = from < 0 ? -1 : offset + from * strides[i];
        rest /= y.dims[i];
      }
      if (offset < 0) {
        std::fill(out, out + row, fill);
        continue;
      }
      const T* in = src + offset;
      if (scattered) {
        for (std::int64_t i = 0; i < row; ++i) {
          const std::int64_t from = map[static_cast<std::size_t>(i)];
          out[i] = from < 0 ? fill : in[from];
        }
        continue;
      }
      for (const Run& run : runs) {
        T* to = out + run.out * block;
        if (run.in < 0)
          std::fill(to, to + run.count * block, fill);
        else
          std::copy_n(in + run.in * block, run.count * block, to);
      }
    }
  });
}

template <Moves (*moves_of)(const Call&)>
void move(const Call& call) {
  const Moves moves = moves_of(call);
  switch (call.out[0].dtype) {
    case DType::float32:
      return remap<float>(call, moves, static_cast<float>(moves.fill));
    case DType::int32:
      return remap<std::int32_t>(call, moves, to_int32(moves.fill));
    case DType::boolean:
      return remap<std::uint8_t>(call, moves, static_cast<std::uint8_t>(to_int32(moves.fill)));
  }
}

void concat(const Call& call) {
  const Concatenation c = concatenation(call);
  const View& y = call.out[0];
  const auto element = static_cast<std::int64_t>(size_of(y.dtype));
  const std::int64_t outer = c.rows, row = c.row * element;
  auto* out = static_cast<std::byte*>(y.data);
  std::vector<std::int64_t> begins, widths;
  std::int64_t total = 0;
  for (int k = 0; k < call.in_count; ++k) {
    begins.push_back(total);
    widths.push_back(c.width(call.in[k]) * element);
    total += widths.back();
  }
  constexpr std::int64_t kBytes = kCheapGrain * 4;
  if (outer == 1) {
    for (std::size_t k = 0; k < widths.size(); ++k) {
      const auto* in = static_cast<const std::byte*>(call.in[k].data);
      for_blocks(call, widths[k], kBytes, [&](std::int64_t begin, std::int64_t end) {
        std::memcpy(out + begins[k] + begin, in + begin, static_cast<std::size_t>(end - begin));
      });
    }
    return;
  }
  for_rows(call, outer, row, kBytes, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r)
      for (std::size_t k = 0; k < widths.size(); ++k)
        if (widths[k] > 0)
          std::memcpy(out + r * row + begins[k],
                      static_cast<const std::byte*>(call.in[k].data) + r * widths[k],
                      static_cast<std::size_t>(widths[k]));
  });
}

}  // namespace

void register_copy(KernelTable& table) {
  table.add("Slice", move<slice_moves>);
  table.add("StridedSlice", move<strided_slice_moves>);
  table.add("PadV2", move<pad_moves>);
  table.add("MirrorPad", move<mirror_pad_moves>);
  table.add("Tile", move<tile_moves>);
  table.add("Reverse", move<reverse_moves>);
  table.add("Concat", concat);
}

}  // namespace rareface::cpu
