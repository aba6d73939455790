// The tiles of a product: how they lie in shared memory, and how a warp multiplies them.
//
// A block makes a tile of kRows x kCols of the result, kDepth of k at a time. Both factors' tiles
// lie in shared memory as float32, just as they were copied, in one of two ways:
//   along k:  line l (a row of A, a column of B) from l * (kDepth + 8), k after k;
//   across k: k from k * (lines + 4), line after line.
//
// Lane 4 g + t of a warp takes k = 2t and 2t + 1 of every eight, of the lines g, g + 8, ... That is
// what mma_bf16 wants of each half of its sixteen. mma_tf32 wants k = t and t + 4: it gets 2t and
// 2t + 1 in their place, of both factors, which only changes the order of its sum. So
// the two that a lane wants lie together along k: one load of 8 bytes, whose banks in a half warp
// are 40 g + 2t = 8 g + 2t, 8 g + 2t + 1 (mod 32), all different. Across k they are two loads of 4
// bytes, with banks 2t (lines + 4) + g = 8 t + g (lines is a multiple of 32), all different, too.
#pragma once

#include "intrinsics.h"
#include "product_plan.h"

namespace rareface::cuda {

template <int Rows, int Cols, int WarpRows, int WarpCols, int Stages, int Blocks>
struct Tile {
  static constexpr int kRows = Rows, kCols = Cols;
  static constexpr int kWarpRows = WarpRows, kWarpCols = WarpCols;
  static constexpr int kWarps = Rows / WarpRows * (Cols / WarpCols);
  static constexpr int kThreads = 32 * kWarps;
  static constexpr int kStages = Stages;  // tiles of k in shared memory
  static constexpr int kBlocks = Blocks;  // that an H100's multiprocessor has shared memory for
  // Of mma's own size.
  static constexpr int kM = WarpRows / 16, kN = WarpCols / 8;
};

template <Precision P, TileSize Size>
constexpr auto tile_of() {
  constexpr bool kExact = P == Precision::float32;
  if constexpr (Size == TileSize::large && kExact)
    return Tile<128, 64, 32, 32, 3, 2>{};
  else if constexpr (Size == TileSize::large)
    return Tile<128, 128, 64, 64, 2, 2>{};
  else if constexpr (Size == TileSize::medium)
    return Tile<64, 64, 32, 32, 4, 2>{};
  else if constexpr (Size == TileSize::narrow)
    return Tile<128, 32, 32, 32, 3, 2>{};
  else
    return Tile<32, 32, 16, 32, 4, 5>{};
}
template <Precision P, TileSize Size>
using TileOf = decltype(tile_of<P, Size>());

// The part of a tile's sums that a lane holds: those of mma (i, j) at [i][j].
template <class T>
using Sums = float[T::kM][T::kN][4];

// One factor's tile of `Lines` lines.
template <bool AlongK, int Lines>
struct FactorTile {
  static constexpr int kStride = AlongK ? kDepth + 8 : Lines + 4;
  static constexpr int kFloats = AlongK ? Lines * kStride : kDepth * kStride;
  static_assert(Lines % 32 == 0);

  __device__ static int at(int line, int k) {
    return AlongK ? line * kStride + k : k * kStride + line;
  }
  // k and k + 1 of a line; k is even.
  __device__ static float2 pair(const float* tile, int line, int k) {
    if constexpr (AlongK)
      return *reinterpret_cast<const float2*>(tile + at(line, k));
    else
      return make_float2(tile[at(line, k)], tile[at(line, k + 1)]);
  }
};

// Tensor cores ignore what exceeds tf32's 10 bits of mantissa. So it is enough to add about half of
// the last place that they see: 2^-12 / ln 2 of x is 0.36 to 0.72 of it, and makes up for what is
// cut of numbers on average, whose mantissas are evenly spread in their logarithm. In one
// instruction, and NaN and infinity stay (as they would not if half a place were added to x's bits;
// the conversion that PTX has takes four).
__device__ inline std::uint32_t nearly_tf32(float x) {
  return __float_as_uint(fmaf(x, 0x1.715476p-12f, x));
}

// x as the sum of two tf32: rounded to nearest, and what is left, of which 2^-10 is cut. NaN is in
// the second, since the first may lose it; of infinity it is the first and NaN the second.
__device__ inline void split_tf32(float x, std::uint32_t& high, std::uint32_t& low) {
  high = (__float_as_uint(x) + 0x1000u) & ~0x1fffu;
  low = __float_as_uint(x - __uint_as_float(high));
}

// Factors as tensor cores take them, by precision: N registers of pairs of k, two lines of A and
// one of B. kStep: how much of k they hold.
template <Precision P, int N>
struct Fragment;

template <int N>
struct Fragment<Precision::tf32, N> {
  static constexpr int kStep = 8;
  std::uint32_t high[N];

  template <class F>
  __device__ void load(const float* tile, int line, int k) {
    for (int l = 0; l < N / 2; ++l) {
      const float2 v = F::pair(tile, line + 8 * l, k);
      high[l] = nearly_tf32(v.x);
      high[l + N / 2] = nearly_tf32(v.y);
    }
  }
};

// "3xTF32": low * high + high * low + high * high. What is left out, low * low and what is cut of
// each low, is 2^-22, 2^-21 and 2^-21 of a product at most, with any sign. An infinite factor makes
// NaN.
template <int N>
struct Fragment<Precision::float32, N> {
  static constexpr int kStep = 8;
  std::uint32_t high[N], low[N];

  template <class F>
  __device__ void load(const float* tile, int line, int k) {
    for (int l = 0; l < N / 2; ++l) {
      const float2 v = F::pair(tile, line + 8 * l, k);
      split_tf32(v.x, high[l], low[l]);
      split_tf32(v.y, high[l + N / 2], low[l + N / 2]);
    }
  }
};

template <int N>
struct Fragment<Precision::bfloat16, N> {
  static constexpr int kStep = 16;
  std::uint32_t high[N];

  template <class F>
  __device__ void load(const float* tile, int line, int k) {
    for (int half = 0; half < 2; ++half)
      for (int l = 0; l < N / 2; ++l) {
        const float2 v = F::pair(tile, line + 8 * l, k + 8 * half);
        high[half * (N / 2) + l] = pack_bf16(v.x, v.y);
      }
  }
};

// sums[j] += a b[j]
template <Precision P, int N>
__device__ inline void multiply_row(float (&sums)[N][4], const Fragment<P, 4>& a,
                                    const Fragment<P, 2> (&b)[N]) {
  if constexpr (P == Precision::float32) {
#pragma unroll
    for (int j = 0; j < N; ++j) mma_tf32(sums[j], a.low, b[j].high);
#pragma unroll
    for (int j = 0; j < N; ++j) mma_tf32(sums[j], a.high, b[j].low);
  }
#pragma unroll
  for (int j = 0; j < N; ++j) {
    if constexpr (P == Precision::bfloat16)
      mma_bf16(sums[j], a.high, b[j].high);
    else
      mma_tf32(sums[j], a.high, b[j].high);
  }
}

// sums += the product of two tiles; `row` and `col` are where the lane's lines begin.
template <Precision P, class T, class A, class B>
__device__ inline void multiply_tiles(const float* a_tile, const float* b_tile, int row, int col,
                                      Sums<T>& sums) {
  constexpr int kStep = Fragment<P, 4>::kStep;
  const int k = 2 * (static_cast<int>(threadIdx.x) % 4);
#pragma unroll
  for (int step = 0; step < kDepth; step += kStep) {
    Fragment<P, 2> b[T::kN];
#pragma unroll
    for (int j = 0; j < T::kN; ++j) b[j].template load<B>(b_tile, col + 8 * j, step + k);
#pragma unroll
    for (int i = 0; i < T::kM; ++i) {
      Fragment<P, 4> a;
      a.template load<A>(a_tile, row + 16 * i, step + k);
      multiply_row<P, T::kN>(sums[i], a, b);
    }
  }
}

// The same. Tensor cores cut what exceeds a sum's bits instead of rounding it, which adds up over a
// long k: where float32's accuracy is wanted they add up kDepth only, and the rest is added here.
template <Precision P, class T, class A, class B>
__device__ inline void accumulate_tiles(const float* a_tile, const float* b_tile, int row, int col,
                                        Sums<T>& sums) {
  if constexpr (P != Precision::float32) {
    multiply_tiles<P, T, A, B>(a_tile, b_tile, row, col, sums);
  } else {
    Sums<T> part = {};
    multiply_tiles<P, T, A, B>(a_tile, b_tile, row, col, part);
#pragma unroll
    for (int i = 0; i < T::kM; ++i)
#pragma unroll
      for (int j = 0; j < T::kN; ++j)
#pragma unroll
        for (int l = 0; l < 4; ++l) sums[i][j][l] += part[i][j][l];
  }
}

}  // namespace rareface::cuda
