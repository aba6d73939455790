// The kernel of all products on tensor cores: a block makes one tile, over all of k or a part of
// it.
//
// Tiles of k come to shared memory kStages - 1 ahead of what is multiplied. Where k is split among
// blocks, each writes its sums to scratch, and the last to come adds them all up in the order of k
// and goes on as if they were its own: one launch, and one order of sums.
#pragma once

#include "epilogue.h"
#include "launch.h"
#include "product_load.h"

namespace rareface::cuda {

template <Form F, class T>
using LeftFactor = std::conditional_t<F == Form::filter_grad, GatherAcross<T>, GatherAlong<T>>;
template <Form F, class T>
using RightFactor = std::conditional_t<F == Form::input_grad, ColumnsAlong<T>, RowsAcross<T>>;

template <Form F, class T>
constexpr int kStageFloats = LeftFactor<F, T>::Tile::kFloats + RightFactor<F, T>::Tile::kFloats;
// Of a row of the result's tile: rows g and g + 1 lie 8 banks apart, as along k (product_tile.h).
template <class T>
constexpr int kResultStride = T::kCols + 8;
template <Form F, class T>
constexpr std::size_t kSharedBytes =
    sizeof(Pixel) * LeftFactor<F, T>::kPixels +
    sizeof(float) * std::max(T::kStages * kStageFloats<F, T>, T::kRows* kResultStride<T>);
// What every GPU from compute capability 8.0 on gives a block.
static_assert(kSharedBytes<Form::input_grad, TileOf<Precision::tf32, TileSize::large>> <= 99 << 10);

// Rows of the result, and the length of k.
template <Form F>
__device__ inline int rows_of(const Phase& phase) {
  return F == Form::filter_grad ? phase.depth : phase.positions;
}
template <Form F>
__device__ inline int length_of(const Phase& phase) {
  return F == Form::filter_grad ? phase.positions : phase.depth;
}

// Where in a block's tile the sums of this lane begin: those of mma (i, j) are at rows
// row + 16 i (+ 8) and columns col + 8 j (+ 1), see mma_tf32.
template <class T>
struct LanePosition {
  static constexpr int kAcross = T::kCols / T::kWarpCols;
  int row, col;  // of the warp
  int g, t;

  __device__ LanePosition() {
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
    row = warp / kAcross * T::kWarpRows;
    col = warp % kAcross * T::kWarpCols;
    g = thread % 32 / 4;
    t = thread % 4;
  }
};

// Applies the epilogue to a tile's sums and stores what lies within the result. The sums pass
// through shared memory, so that a thread gets four columns and neighbours what follows each other.
template <Form F, class T>
__device__ inline void store_tile(const Product& p, const Phase& phase, float* out, int first_row,
                                  int first_col, const Sums<T>& sums, float* shared) {
  const LanePosition<T> lane;
  __syncthreads();  // the factors' tiles are done with
#pragma unroll
  for (int i = 0; i < T::kM; ++i)
#pragma unroll
    for (int j = 0; j < T::kN; ++j)
#pragma unroll
      for (int half = 0; half < 2; ++half)
        *reinterpret_cast<float2*>(
            shared + (lane.row + lane.g + 16 * i + 8 * half) * kResultStride<T> + lane.col +
            2 * lane.t + 8 * j) = make_float2(sums[i][j][2 * half], sums[i][j][2 * half + 1]);
  __syncthreads();
  using C = Chunks<T, T::kRows, T::kCols / 4>;
  const int col = first_col + C::column(), rows = rows_of<F>(phase);
  if (col >= p.cols) return;
#pragma unroll 1
  for (int pass = 0; pass < C::kPasses; ++pass) {
    const int row = first_row + C::row(pass);
    if (row >= rows) return;
    const std::int64_t pixel = target_of(p, phase, row);
    const float4 v =
        *reinterpret_cast<const float4*>(shared + C::row(pass) * kResultStride<T> + C::column());
    finish_columns(p.epilogue, v, pixel, col, min(4, p.cols - col), p.out_vectors,
                   out + pixel * p.out_stride + col);
  }
}

// Adds up the sums of all splits of a tile in the last of their blocks; false in the others.
// `parts`: those of the tile, each as its threads' sums, 4 floats of every thread at a time.
// `shared`: as store_tile uses it (memory of its own would cost some tiles a block more on a
// multiprocessor).
template <class T>
__device__ inline bool meet(float* parts, unsigned* counter, int splits, int split, float* shared,
                            Sums<T>& sums) {
  constexpr int kVectors = T::kM * T::kN;
  const int thread = static_cast<int>(threadIdx.x);
  const auto part = [&](int index, int i, int j) {
    return reinterpret_cast<float4*>(parts) +
           (static_cast<std::int64_t>(index) * kVectors + i * T::kN + j) * T::kThreads + thread;
  };
#pragma unroll
  for (int i = 0; i < T::kM; ++i)
#pragma unroll
    for (int j = 0; j < T::kN; ++j)
      *part(split, i, j) = make_float4(sums[i][j][0], sums[i][j][1], sums[i][j][2], sums[i][j][3]);
  if (!last_to_come(counter, splits, *reinterpret_cast<bool*>(shared))) return false;
  // Read at a time: 32 KB by all threads hide how far away they are. None waits for another, so
  // those behind the last are zeros.
  constexpr int kReads = std::max(1, 2048 / (T::kThreads * T::kN));
#pragma unroll
  for (int i = 0; i < T::kM; ++i) {
#pragma unroll
    for (int j = 0; j < T::kN; ++j)
#pragma unroll
      for (int l = 0; l < 4; ++l) sums[i][j][l] = 0;
#pragma unroll 1
    for (int first = 0; first < splits; first += kReads) {
      float4 read[kReads][T::kN];
#pragma unroll
      for (int r = 0; r < kReads; ++r)
#pragma unroll
        for (int j = 0; j < T::kN; ++j)
          read[r][j] = first + r < splits ? *part(first + r, i, j) : make_float4(0, 0, 0, 0);
#pragma unroll
      for (int r = 0; r < kReads; ++r)
#pragma unroll
        for (int j = 0; j < T::kN; ++j) {
          sums[i][j][0] += read[r][j].x;
          sums[i][j][1] += read[r][j].y;
          sums[i][j][2] += read[r][j].z;
          sums[i][j][3] += read[r][j].w;
        }
    }
  }
  return true;
}

template <Form F, Precision P, class T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks) multiply(const Product p) {
  using A = LeftFactor<F, T>;
  using B = RightFactor<F, T>;
  constexpr int kStage = kStageFloats<F, T>;

  // Which tile of which product of the stack, and which part of its k.
  const int index = static_cast<int>(blockIdx.x) / p.items;
  const int item = static_cast<int>(blockIdx.x) - index * p.items;
  int number = 0;
  while (number + 1 < p.phase_count && item >= p.phases[number + 1].first_item) ++number;
  const Phase& phase = p.phases[number];
  const int tile = (item - phase.first_item) / phase.splits;
  const int split = item - phase.first_item - tile * phase.splits;
  const int across = (p.cols + T::kCols - 1) / T::kCols;
  const int first_row = tile / across * T::kRows, first_col = tile % across * T::kCols;

  const StackOffsets at(p.stack, index);
  const int length = length_of<F>(phase);
  const int begin = split * phase.blocks_per_split * kDepth;
  const int end = min(length, begin + phase.blocks_per_split * kDepth);
  const int blocks = (end - begin + kDepth - 1) / kDepth;

  Pixel* pixels = shared_memory<Pixel>();
  float* shared = reinterpret_cast<float*>(pixels + A::kPixels);
  const A a(p, phase, p.image + at.a, first_row, pixels);
  const B b(p, phase, p.b + at.b, first_col, length);
  const auto copy = [&](int block) {
    if (block < blocks) {
      float* stage = shared + block % T::kStages * kStage;
      a.copy(p, phase, begin + block * kDepth, stage);
      b.copy(p, phase, begin + block * kDepth, stage + A::Tile::kFloats);
    }
    commit_copies();  // of nothing, too, so that groups can be counted
  };

  Sums<T> sums = {};
  const LanePosition<T> lane;
#pragma unroll 1
  for (int block = 0; block < T::kStages - 1; ++block) copy(block);
  for (int block = 0; block < blocks; ++block) {
    wait_copies<T::kStages - 2>();
    __syncthreads();  // all see this tile, and all are done with the one before it
    copy(block + T::kStages - 1);
    const float* stage = shared + block % T::kStages * kStage;
    accumulate_tiles<P, T, typename A::Tile, typename B::Tile>(
        stage, stage + A::Tile::kFloats, lane.row + lane.g, lane.col + lane.g, sums);
  }
  wait_copies<0>();

  if (phase.splits > 1) {
    const std::int64_t first_part =
        std::int64_t{index} * p.parts + phase.first_part + tile * phase.splits;
    if (!meet<T>(p.partial + first_part * (T::kRows * T::kCols),
                 p.counters + index * p.tiles + phase.first_tile + tile, phase.splits, split,
                 shared, sums))
      return;
  }
  store_tile<F, T>(p, phase, p.out + at.out, first_row, first_col, sums, shared);
}

// Starts the kernel of a plan's tile. Each form has a file in which its kernels are made.
template <Form F, Precision P, TileSize Size>
void start(const Product& product, int count, const Host& host) {
  using T = TileOf<P, Size>;
  launch(host,
         {.blocks = blocks_for(std::int64_t{product.items} * count, 1),
          .threads = T::kThreads,
          .shared = kSharedBytes<F, T>},
         multiply<F, P, T>, product);
}

template <Form F, Precision P>
void start(TileSize size, const Product& product, int count, const Host& host) {
  switch (size) {
    case TileSize::large:
      return start<F, P, TileSize::large>(product, count, host);
    case TileSize::medium:
      return start<F, P, TileSize::medium>(product, count, host);
    case TileSize::narrow:
      return start<F, P, TileSize::narrow>(product, count, host);
    case TileSize::small:
      return start<F, P, TileSize::small>(product, count, host);
  }
}

template <Form F>
void start(Precision precision, TileSize size, const Product& product, int count,
           const Host& host) {
  switch (precision) {
    case Precision::float32:
      return start<F, Precision::float32>(size, product, count, host);
    case Precision::bfloat16:
      return start<F, Precision::bfloat16>(size, product, count, host);
    case Precision::tf32:
      return start<F, Precision::tf32>(size, product, count, host);
  }
}

}  // namespace rareface::cuda
