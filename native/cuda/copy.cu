// Kernels that only move elements.
#include <bit>

#include "../arguments/create.h"
#include "moves.h"
#include "register.h"

namespace rareface::cuda {
namespace {

template <class T>
struct Mover {
  const T* x;
  T* y;
  T fill;
  unsigned size;
  int rank;
  struct Axis {
    AxisMap<int> map;
    Divisor out;
    int stride;
  } axes[kMaxRank];
};

template <class T>
__global__ void move_kernel(Mover<T> m) {
  for_each_small(m.size, [&](unsigned i) {
    unsigned rest = i;
    int offset = 0;
    for (int k = 0; k < m.rank; ++k) {
      const int from = m.axes[k].map.from(static_cast<int>(m.axes[k].out.remainder(rest)));
      offset = from < 0 || offset < 0 ? -1 : offset + from * m.axes[k].stride;
    }
    m.y[i] = offset < 0 ? m.fill : m.x[offset];
  });
}

// What a place in the output says of the input, if all of it lies together there; else -1.
std::int64_t one_place(const MovedAxes& axes) {
  if (axes.rank == 0) return 0;
  const auto& [map, stride] = axes.axes[0];
  const bool together = axes.rank == 1 && map.step == 1 && map.beyond == Beyond::nothing;
  return together && stride == 1 ? map.begin : -1;
}

template <class T>
void move_in_units(const Host& host, const MovedAxes& axes, const T* x, T* y, std::int64_t size,
                   T fill) {
  Mover<T> m{x, y, fill, natural(size), axes.rank, {}};
  for (int k = 0; k < axes.rank; ++k) {
    const AxisMap<std::int64_t>& map = axes.axes[k].map;
    m.axes[k] = {{small(map.in), small(map.out), small(map.begin), small(map.step),
                  static_cast<int>(map.skip), map.beyond},
                 Divisor(map.out),
                 small(axes.axes[k].stride)};
  }
  launch(host, grid_for(size), move_kernel<T>, m);
}

}  // namespace

template <class T>
void move(const Host& host, const MovedAxes& axes, const T* x, T* y, std::int64_t size, T fill) {
  if (size == 0) return;
  const std::int64_t place = one_place(axes);
  constexpr int kUnit = 16 / sizeof(T);
  if (place >= 0) {
    copy(host, y, x + place, size * static_cast<std::int64_t>(sizeof(T)));
  } else if (axes.in_units_of(kUnit) && packable<T, kUnit>(size, x, y)) {
    std::uint32_t pattern = fill;
    if constexpr (sizeof(T) == 1) pattern *= 0x01010101u;
    move_in_units(host, axes.of_units(kUnit), reinterpret_cast<const uint4*>(x),
                  reinterpret_cast<uint4*>(y), size / kUnit,
                  make_uint4(pattern, pattern, pattern, pattern));
  } else {
    move_in_units(host, axes, x, y, size, fill);
  }
}
template void move(const Host&, const MovedAxes&, const std::uint8_t*, std::uint8_t*, std::int64_t,
                   std::uint8_t);
template void move(const Host&, const MovedAxes&, const std::uint32_t*, std::uint32_t*,
                   std::int64_t, std::uint32_t);

namespace {

template <class T>
void move_views(const Call& call, const Moves& moves, T fill) {
  move(*call.host, MovedAxes(moves), static_cast<const T*>(call.in[0].data),
       static_cast<T*>(call.out[0].data), call.out[0].size(), fill);
}

template <Moves (*moves_of)(const Call&)>
void move_kernel_of(const Call& call) {
  const Moves moves = moves_of(call);
  switch (call.out[0].dtype) {
    case DType::float32:
      return move_views(call, moves, std::bit_cast<std::uint32_t>(static_cast<float>(moves.fill)));
    case DType::int32:
      return move_views(call, moves, static_cast<std::uint32_t>(to_int32(moves.fill)));
    case DType::boolean:
      return move_views(call, moves, static_cast<std::uint8_t>(to_int32(moves.fill)));
  }
}

constexpr int kParts = 16;  // that a launch of Concat takes

template <class T>
struct Parts {
  const T* x[kParts];
  unsigned begin[kParts + 1];  // in the output's row; the last: where the last part ends
  int count;
  unsigned row;
  Divisor width;  // of all parts
};

template <class T>
__global__ void concat_kernel(Parts<T> parts, T* y, unsigned size) {
  for_each_small(size, [&](unsigned i) {
    unsigned row = i;
    const unsigned column = parts.begin[0] + parts.width.remainder(row);
    int k = 0;
    while (k + 1 < parts.count && column >= parts.begin[k + 1]) ++k;
    const unsigned width = parts.begin[k + 1] - parts.begin[k];
    y[row * parts.row + column] = parts.x[k][row * width + column - parts.begin[k]];
  });
}

template <class T>
void concat_as(const Call& call, const Concatenation& c) {
  const auto units = [&](std::int64_t elements) {
    return natural(elements * static_cast<std::int64_t>(size_of(call.out[0].dtype)) /
                   static_cast<std::int64_t>(sizeof(T)));
  };
  natural(call.out[0].size());
  Parts<T> parts{};
  parts.row = units(c.row);
  for (int k = 0; k < call.in_count;) {
    parts.begin[0] = parts.begin[parts.count];
    for (parts.count = 0; k < call.in_count && parts.count < kParts; ++k) {
      const unsigned width = units(c.width(call.in[k]));
      if (width == 0) continue;
      parts.x[parts.count] = static_cast<const T*>(call.in[k].data);
      parts.begin[parts.count + 1] = parts.begin[parts.count] + width;
      ++parts.count;
    }
    const std::int64_t width = parts.begin[parts.count] - parts.begin[0];
    parts.width = Divisor(width);
    launch(*call.host, grid_for(c.rows * width), concat_kernel<T>, parts,
           static_cast<T*>(call.out[0].data), natural(c.rows * width));
  }
}

void concat(const Call& call) {
  const Concatenation c = concatenation(call);
  const View& y = call.out[0];
  if (y.size() == 0) return;
  const auto element = static_cast<std::int64_t>(size_of(y.dtype));
  const auto all_in = [&]<class T>(const T*) {
    bool all = packable<T, 1>(0, static_cast<const T*>(y.data));
    for (int k = 0; k < call.in_count; ++k)
      all = all && c.width(call.in[k]) * element % static_cast<std::int64_t>(sizeof(T)) == 0 &&
            packable<T, 1>(0, call.in[k].data);
    return all;
  };
  if (all_in(static_cast<const uint4*>(nullptr)))
    concat_as<uint4>(call, c);
  else if (element == 4)
    concat_as<std::uint32_t>(call, c);
  else
    concat_as<std::uint8_t>(call, c);
}

}  // namespace

void register_copy(KernelTable& table) {
  table.add("Slice", move_kernel_of<slice_moves>);
  table.add("StridedSlice", move_kernel_of<strided_slice_moves>);
  table.add("PadV2", move_kernel_of<pad_moves>);
  table.add("MirrorPad", move_kernel_of<mirror_pad_moves>);
  table.add("Tile", move_kernel_of<tile_moves>);
  table.add("Reverse", move_kernel_of<reverse_moves>);
  table.add("Concat", concat);
}

}  // namespace rareface::cuda
