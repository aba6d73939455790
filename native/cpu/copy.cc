// Kernels that only move elements: each output index along an axis comes from one input index.
#include <cstring>
#include <vector>

#include "blocks.h"
#include "convert.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// For each axis of the output: the input index behind each output index, or -1 for the fill value.
using IndexMap = std::vector<std::int64_t>;
struct Maps {
  int rank = 0;
  IndexMap at[kMaxRank];
};

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

bool is_identity(const IndexMap& map, std::int64_t in_dim) {
  if (static_cast<std::int64_t>(map.size()) != in_dim) return false;
  for (std::size_t i = 0; i < map.size(); ++i)
    if (map[i] != static_cast<std::int64_t>(i)) return false;
  return true;
}

template <class T>
void remap(const Call& call, const Maps& maps, T fill) {
  const View& x = call.in[0];
  const View& y = call.out[0];
  const T* src = static_cast<const T*>(x.data);
  T* dst = static_cast<T*>(y.data);
  const std::int64_t size = y.size();
  if (size == 0) return;
  int last = maps.rank - 1;  // innermost axis along which anything moves
  while (last >= 0 && is_identity(maps.at[last], x.dims[last])) --last;
  if (last < 0) {
    for_blocks(call, size, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      std::copy(src + begin, src + end, dst + begin);
    });
    return;
  }
  const std::int64_t block = product(x.dims, last + 1, x.rank);
  const std::vector<Run> runs = runs_of(maps.at[last]);
  const bool scattered = block == 1 && runs.size() * 4 > maps.at[last].size();
  std::int64_t strides[kMaxRank];
  for (int i = 0; i < last; ++i) strides[i] = product(x.dims, i + 1, x.rank);
  const std::int64_t row = y.dims[last] * block;
  for_rows(call, size / row, row, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      T* out = dst + r * row;
      std::int64_t offset = 0, rest = r;
      for (int i = last - 1; i >= 0 && offset >= 0; --i) {
        const std::int64_t from = maps.at[i][static_cast<std::size_t>(rest % y.dims[i])];
        offset = from < 0 ? -1 : offset + from * strides[i];
        rest /= y.dims[i];
      }
      if (offset < 0) {
        std::fill(out, out + row, fill);
        continue;
      }
      const T* in = src + offset;
      if (scattered) {
        const IndexMap& map = maps.at[last];
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

// Fills the maps by index(axis, i), and moves elements of 1 or 4 bytes.
template <class F>
void remap_by(const Call& call, F&& index, double fill = 0) {
  require_arity(call, 1, 1);
  const View& x = call.in[0];
  const View& y = call.out[0];
  require(x.dtype == y.dtype, "the output's dtype must be the input's");
  require(x.rank == y.rank, "the output's rank must be the input's");
  Maps maps;
  maps.rank = y.rank;
  for (int axis = 0; axis < y.rank; ++axis) {
    IndexMap& map = maps.at[axis];
    map.resize(static_cast<std::size_t>(y.dims[axis]));
    for (std::int64_t i = 0; i < y.dims[axis]; ++i) {
      const std::int64_t from = index(axis, i);
      require(from < x.dims[axis], "index ", from, " is out of range on axis ", axis);
      map[static_cast<std::size_t>(i)] = from;
    }
  }
  if (y.dtype == DType::float32)
    remap<float>(call, maps, static_cast<float>(fill));
  else if (y.dtype == DType::int32)
    remap<std::int32_t>(call, maps, to_int32(fill));
  else
    remap<std::uint8_t>(call, maps, static_cast<std::uint8_t>(to_int32(fill)));
}

// Attributes: where the slice begins on each axis.
void slice(const Call& call) {
  remap_by(call, [&](int axis, std::int64_t i) {
    const std::int64_t from = call.attr_int(axis) + i;
    require(from >= 0, "the slice begins at ", call.attr_int(axis), " on axis ", axis);
    return from;
  });
}

// Attributes: begin on each axis, then the stride on each axis (may be negative).
void strided_slice(const Call& call) {
  const int rank = call.out[0].rank;
  remap_by(call, [&](int axis, std::int64_t i) {
    const std::int64_t from = call.attr_int(axis) + i * call.attr_int(rank + axis);
    require(from >= 0, "index ", from, " is out of range on axis ", axis);
    return from;
  });
}

// Attributes: elements added before each axis, then the value to fill with.
void pad(const Call& call) {
  const View& x = call.in[0];
  remap_by(
      call,
      [&](int axis, std::int64_t i) {
        const std::int64_t from = i - call.attr_int(axis);
        return from < 0 || from >= x.dims[axis] ? std::int64_t{-1} : from;
      },
      call.attr(x.rank));
}

// Attributes: elements added before each axis, then 1 to leave the edge out (reflect) or 0 to
// repeat it (symmetric).
void mirror_pad(const Call& call) {
  const View& x = call.in[0];
  const std::int64_t skip = call.attr_int(x.rank);
  remap_by(call, [&](int axis, std::int64_t i) {
    const std::int64_t n = x.dims[axis];
    std::int64_t from = i - call.attr_int(axis);
    if (from < 0) from = -from - 1 + skip;
    if (from >= n) from = 2 * n - 1 - skip - from;
    require(from >= 0, "the padding of axis ", axis, " is wider than the tensor");
    return from;
  });
}

void tile(const Call& call) {
  const View& x = call.in[0];
  remap_by(call, [&](int axis, std::int64_t i) { return i % x.dims[axis]; });
}

// Attributes: the axes to reverse.
void reverse(const Call& call) {
  const View& x = call.in[0];
  bool reversed[kMaxRank] = {};
  for (int i = 0; i < call.attr_count; ++i) {
    const std::int64_t axis = call.attr_int(i);
    require(axis >= 0 && axis < x.rank, "axis ", axis, " is out of range");
    reversed[axis] = true;
  }
  remap_by(call,
           [&](int axis, std::int64_t i) { return reversed[axis] ? x.dims[axis] - 1 - i : i; });
}

// Attributes: the axis.
void concat(const Call& call) {
  require(call.in_count >= 1 && call.out_count == 1, "takes at least one input");
  const View& y = call.out[0];
  const std::int64_t axis = call.attr_int(0);
  require(axis >= 0 && axis < y.rank, "axis ", axis, " is out of range");
  const std::int64_t outer = product(y.dims, 0, static_cast<int>(axis));
  const auto element = static_cast<std::int64_t>(size_of(y.dtype));
  const std::int64_t row = product(y.dims, static_cast<int>(axis), y.rank) * element;
  auto* out = static_cast<std::byte*>(y.data);
  std::vector<std::int64_t> begins, widths;
  std::int64_t total = 0;
  for (int k = 0; k < call.in_count; ++k) {
    const View& x = call.in[k];
    require(x.dtype == y.dtype, "all dtypes must be equal");
    require(x.rank == y.rank, "all ranks must be equal");
    for (int i = 0; i < y.rank; ++i)
      require(i == axis || x.dims[i] == y.dims[i], "the shapes differ on axis ", i);
    begins.push_back(total);
    widths.push_back(product(x.dims, static_cast<int>(axis), x.rank) * element);
    total += widths.back();
  }
  require(total == row, "the output's axis must be as long as all inputs' together");
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
  table.add("Slice", slice);
  table.add("StridedSlice", strided_slice);
  table.add("PadV2", pad);
  table.add("MirrorPad", mirror_pad);
  table.add("Tile", tile);
  table.add("Reverse", reverse);
  table.add("Concat", concat);
}

}  // namespace rareface::cpu
