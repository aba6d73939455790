// How sums over the pixels of each channel are shared out among the threads of a GPU.
//
// A block takes `chunk` pixels of one sample and `lanes` packs of neighbouring channels: its
// threads lie side by side over the packs of one pixel, and on over further pixels. What depends on
// it, the order of every sum included, is decided by the shape alone.
#pragma once

#include "../arguments/instance_norm.h"
#include "pack.h"

namespace rareface::cuda {

constexpr int kSliceThreads = 512;  // most of a block

struct Slices {
  std::int64_t batch, pixels, channels;
  std::int64_t chunk;   // pixels of a block
  std::int64_t chunks;  // that a sample's pixels are cut into
  std::int64_t groups;  // that the channels are cut into
  int lanes;            // a power of two up to 32
  int threads;          // whole warps

  Grid grid() const {
    return {.blocks = blocks_for(batch * chunks * groups, 1),
            .threads = static_cast<unsigned>(threads)};
  }
};

// Slices of `lanes` packs and at most `most` pixels a thread.
inline Slices slices(const NormShape& s, int width, int lanes, int threads, std::int64_t most) {
  const std::int64_t chunk = std::min(s.pixels, threads / lanes * most);
  return {.batch = s.batch,
          .pixels = s.pixels,
          .channels = s.channels,
          .chunk = chunk,
          .chunks = ceil_div(s.pixels, chunk),
          .groups = ceil_div(s.channels, lanes * width),
          .lanes = lanes,
          .threads = threads};
}

// `most`, a power of two, or less where the channels have fewer packs.
inline int lanes_for(std::int64_t channels, int width, int most) {
  int lanes = 1;
  while (lanes < most && lanes * width < channels) lanes *= 2;
  return lanes;
}

// What one thread of a block takes: pixels pixel(0), pixel(1), ... and one pack of channels.
template <int Width>
struct SlicePlace {
  std::int64_t sample, chunk;
  std::int64_t channel;  // the pack's first
  std::int64_t first;    // pixel of the block, in the sample
  int pixels;            // of the block
  int lane, row, rows;

  __device__ explicit SlicePlace(const Slices& s) {
    std::int64_t block = blockIdx.x;
    const std::int64_t group = block % s.groups;
    block /= s.groups;
    chunk = block % s.chunks;
    sample = block / s.chunks;
    lane = static_cast<int>(threadIdx.x) % s.lanes;
    row = static_cast<int>(threadIdx.x) / s.lanes;
    rows = s.threads / s.lanes;
    channel = (group * s.lanes + lane) * Width;
    first = chunk * s.chunk;
    pixels = static_cast<int>(min(s.chunk, s.pixels - first));
    if (channel >= s.channels) pixels = 0;
  }
  __device__ bool has(int k) const { return row + k * rows < pixels; }
  // Where the thread's k-th pack lies in a tensor of that pixel stride.
  __device__ std::int64_t at(int k, const Slices& s, std::int64_t stride) const {
    return (sample * s.pixels + first + row) * stride + channel + k * (rows * stride);
  }
  // The block's first pixel.
  __device__ std::int64_t start(const Slices& s, std::int64_t stride) const {
    return (sample * s.pixels + first) * stride + channel;
  }
};

// Shared memory of sum_rows.
constexpr int row_sums_size(int width, int terms) {
  return kSliceThreads / 32 * (width == 4 ? 8 : 32) * width * terms;
}

// Adds each value up over the threads of the same lane; every one of them gets the sums. At most 8
// lanes of four channels or 32 of one.
template <int Count>
__device__ __forceinline__ void sum_rows(float (&x)[Count], int lanes, float* shared) {
  for (int offset = 16; offset >= lanes; offset /= 2)
#pragma unroll
    for (int i = 0; i < Count; ++i) x[i] += __shfl_xor_sync(0xffffffffU, x[i], offset);
  const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
  const int warps = static_cast<int>(blockDim.x) / 32;
  __syncthreads();  // whoever still reads the sums before
  if (lane < lanes)
#pragma unroll
    for (int i = 0; i < Count; ++i) shared[(warp * lanes + lane) * Count + i] = x[i];
  __syncthreads();
#pragma unroll
  for (int i = 0; i < Count; ++i) x[i] = 0;
  for (int w = 0; w < warps; ++w)
#pragma unroll
    for (int i = 0; i < Count; ++i) x[i] += shared[(w * lanes + lane % lanes) * Count + i];
}

// Sums over the chunks: a block has 32 channels side by side and 8 rows of threads.
constexpr int kColumns = 32, kColumnRows = 8;
struct ColumnSums {
  double at[kColumnRows][kColumns];
};

inline Grid column_grid(std::int64_t columns) {
  return {.blocks = blocks_for(columns, kColumns), .threads = dim3(kColumns, kColumnRows)};
}

// The sum of term(0..count-1), the same for all threads of the column.
template <class Term>
__device__ double column_sum(std::int64_t count, ColumnSums& shared, Term&& term) {
  double sum = 0;
  for (std::int64_t i = threadIdx.y; i < count; i += kColumnRows) sum += term(i);
  __syncthreads();  // whoever still reads the sums before
  shared.at[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  sum = 0;
  for (int row = 0; row < kColumnRows; ++row) sum += shared.at[row][threadIdx.x];
  return sum;
}

}  // namespace rareface::cuda
