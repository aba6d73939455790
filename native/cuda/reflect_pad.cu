// Reflection padding of height and width, and its gradient: each is the other's gradient.
#include "../arguments/reflect_pad.h"
#include "pack.h"
#include "register.h"

namespace rareface::cuda {
namespace {

__device__ std::int64_t reflected(std::int64_t at, std::int64_t size) {
  if (at < 0) at = -at;
  return at >= size ? 2 * (size - 1) - at : at;
}

// A block for each row of the padded image.
template <int Width>
__global__ void pad_rows(ReflectPadSizes s, const float* x, float* y) {
  const auto packs = static_cast<unsigned>(s.channels / Width);
  for (std::int64_t row = blockIdx.x; row < s.batch * s.padded_height; row += gridDim.x) {
    const std::int64_t from = reflected(row % s.padded_height - s.pad, s.height);
    const float* in = x + (row / s.padded_height * s.height + from) * s.width * s.channels;
    float* out = y + row * s.padded_width * s.channels;
    for (unsigned i = threadIdx.x; i < s.padded_width * packs; i += blockDim.x) {
      const std::int64_t pixel = reflected(static_cast<std::int64_t>(i / packs) - s.pad, s.width);
      store_pack(out + static_cast<std::int64_t>(i) * Width,
                 load_pack<Width>(in + pixel * s.channels + i % packs * Width));
    }
  }
}

// Where row or column i was copied to: 0 is itself, 1 the reflection before it, 2 that behind it,
// of which there may be none.
__device__ bool has_copy(int copy, std::int64_t i, std::int64_t size, std::int64_t pad) {
  const std::int64_t distance = copy == 1 ? i : size - 1 - i;
  return copy == 0 || (distance >= 1 && distance <= pad);
}
__device__ std::int64_t copy_at(int copy, std::int64_t i, std::int64_t size, std::int64_t pad) {
  return pad + (copy == 0 ? i : copy == 1 ? -i : 2 * (size - 1) - i);
}

// A block for each row of the image: every pixel gathers from where it was copied to.
template <int Width>
__global__ void gather_rows(ReflectPadSizes s, const float* dy, float* dx) {
  const auto packs = static_cast<unsigned>(s.channels / Width);
  for (std::int64_t row = blockIdx.x; row < s.batch * s.height; row += gridDim.x) {
    const std::int64_t y = row % s.height;
    const float* image = dy + row / s.height * s.padded_height * s.padded_width * s.channels;
    float* out = dx + row * s.width * s.channels;
    for (unsigned i = threadIdx.x; i < s.width * packs; i += blockDim.x) {
      const std::int64_t x = i / packs;
      Floats<Width> sum{};
#pragma unroll
      for (int r = 0; r < 3; ++r) {
        if (!has_copy(r, y, s.height, s.pad)) continue;
        const float* from = image + copy_at(r, y, s.height, s.pad) * s.padded_width * s.channels +
                            i % packs * Width;
#pragma unroll
        for (int c = 0; c < 3; ++c) {
          if (!has_copy(c, x, s.width, s.pad)) continue;
          const auto part = load_pack<Width>(from + copy_at(c, x, s.width, s.pad) * s.channels);
#pragma unroll
          for (int k = 0; k < Width; ++k) sum.v[k] += part.v[k];
        }
      }
      store_pack(out + static_cast<std::int64_t>(i) * Width, sum);
    }
  }
}

template <class Launch>
void for_rows(const ReflectPadSizes& s, const View& in, const View& out, std::int64_t rows,
              std::int64_t width, Launch&& launch_rows) {
  const bool four = s.channels % 4 == 0 && four_wide(in.f32(), 4) && four_wide(out.f32_out(), 4);
  const std::int64_t packs = width * s.channels / (four ? 4 : 1);
  if (rows * packs == 0) return;
  require(packs <= std::numeric_limits<std::int32_t>::max(), "rows of ", packs,
          " elements are too long");
  const Grid grid{
      .blocks = blocks_for(rows, 1),
      .threads = static_cast<unsigned>(std::min<std::int64_t>(256, round_up(packs, 32)))};
  with_width(four, [&](auto w) { launch_rows(grid, w); });
}

// x -> y [N, H + 2 pad, W + 2 pad, C]; attribute: pad.
void reflect_pad(const Call& call) {
  const View &x = call.in[0], &y = call.out[0];
  const ReflectPadSizes s = reflect_pad_sizes(call, x, y);
  for_rows(s, x, y, s.batch * s.padded_height, s.padded_width, [&](const Grid& grid, auto width) {
    launch(*call.host, grid, pad_rows<width>, s, x.f32(), y.f32_out());
  });
}

// dy [N, H + 2 pad, W + 2 pad, C] -> dx
void reflect_pad_grad(const Call& call) {
  const View &dy = call.in[0], &dx = call.out[0];
  const ReflectPadSizes s = reflect_pad_sizes(call, dx, dy);
  for_rows(s, dy, dx, s.batch * s.height, s.width, [&](const Grid& grid, auto width) {
    launch(*call.host, grid, gather_rows<width>, s, dy.f32(), dx.f32_out());
  });
}

}  // namespace

void register_reflect_pad(KernelTable& table) {
  table.add("ReflectPad", reflect_pad);
  table.add("ReflectPadGrad", reflect_pad_grad);
}

}  // namespace rareface::cuda
