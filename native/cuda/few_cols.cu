// Products of at most kFewCols columns: an image's channels, a decision. Their cost is that of
// reading the image, so threads share out the depth, and products are plain multiply-adds.
#include "epilogue.h"
#include "intrinsics.h"
#include "launch.h"
#include "product_places.h"

namespace rareface::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kPixels = 4;  // of the result that a block makes, to use a filter's value more often
constexpr std::int64_t kBlocks = 264;  // two for each multiprocessor of an H100
constexpr int kLeastPositions = 16;    // that a block adds up

template <int V>
struct Values {
  float at[V];

  // Zeros if not `inside`: loads of several then wait for none of them.
  __device__ void load(const float* data, bool inside) {
    for (float& x : at) x = 0;
    if (!inside) return;
    if constexpr (V == 4) {
      const float4 v = *reinterpret_cast<const float4*>(data);
      at[0] = v.x, at[1] = v.y, at[2] = v.z, at[3] = v.w;
    } else {
      at[0] = *data;
    }
  }
};

// The number of the phase that an item of the grid belongs to.
__device__ inline int phase_of(const Product& p, int item) {
  int number = 0;
  while (number + 1 < p.phase_count && item >= p.phases[number + 1].first_item) ++number;
  return number;
}

// forward and input_grad: a block makes the columns of kPixels positions that follow each other.
// Each thread adds up V elements of the depth, then those kThreads * V further on, ...
template <int Cols, int V>
__global__ void __launch_bounds__(kThreads) rows_by_few_cols(const Product p, bool filter_in_rows) {
  __shared__ float shared[kThreads / 32][kPixels * Cols];
  const int index = static_cast<int>(blockIdx.x) / p.items;
  const int item = static_cast<int>(blockIdx.x) - index * p.items;
  const Phase& phase = p.phases[phase_of(p, item)];
  const int first = (item - phase.first_item) * kPixels;
  const StackOffsets at(p.stack, index);
  const float *image = p.image + at.a, *b = p.b + at.b;
  const int thread = static_cast<int>(threadIdx.x);

  Pixel pixels[kPixels];
#pragma unroll
  for (int i = 0; i < kPixels; ++i)
    pixels[i] = pixel_of(p, phase, static_cast<unsigned>(first + i));
  float sums[kPixels][Cols] = {};
  for (int k = thread * V; k < phase.depth; k += kThreads * V) {
    const Place place = place_of(p, phase, static_cast<unsigned>(k));
    float filter[Cols][V];
#pragma unroll
    for (int col = 0; col < Cols; ++col)
#pragma unroll
      for (int v = 0; v < V; ++v) {
        const unsigned from =
            filter_in_rows
                ? static_cast<unsigned>((k + v) * p.cols + col)
                : (place.tap * static_cast<unsigned>(p.cols) + static_cast<unsigned>(col)) *
                          p.channels.divisor +
                      place.channel + static_cast<unsigned>(v);
        filter[col][v] = col < p.cols ? b[from] : 0.0f;
      }
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
      Values<V> x;
      x.load(image + (pixels[i].at + place.at), is_inside(p, pixels[i], place));
#pragma unroll
      for (int col = 0; col < Cols; ++col)
#pragma unroll
        for (int v = 0; v < V; ++v) sums[i][col] += x.at[v] * filter[col][v];
    }
  }
#pragma unroll
  for (int i = 0; i < kPixels; ++i)
#pragma unroll
    for (int col = 0; col < Cols; ++col) {
      const float sum = warp_sum(sums[i][col]);
      if (thread % 32 == 0) shared[thread / 32][i * Cols + col] = sum;
    }
  __syncthreads();
  if (thread >= kPixels * Cols) return;
  const int position = first + thread / Cols, col = thread % Cols;
  if (position >= phase.positions || col >= p.cols) return;
  float sum = 0;
  for (int warp = 0; warp < kThreads / 32; ++warp) sum += shared[warp][thread];
  const std::int64_t pixel = target_of(p, phase, position);
  float* out = p.out + at.out + pixel * p.out_stride + col;
  *out = finish(p.epilogue, sum, pixel, col, out);
}

// filter_grad: a thread makes the columns of V elements of the depth, over a part of the positions.
template <int Cols, int V>
__global__ void __launch_bounds__(kThreads) depth_by_few_cols(const Product p) {
  const Phase& phase = p.phases[0];
  const int index = static_cast<int>(blockIdx.x) / p.items;
  const int item = static_cast<int>(blockIdx.x) - index * p.items;
  const int tile = item / phase.splits, split = item - tile * phase.splits;
  const int thread = static_cast<int>(threadIdx.x);
  const int first = (tile * kThreads + thread) * V;
  const StackOffsets at(p.stack, index);
  const float *image = p.image + at.a, *b = p.b + at.b;

  const Place place = place_of(p, phase, static_cast<unsigned>(first));
  float sums[Cols][V] = {};
  const int begin = split * phase.blocks_per_split;
  const int end = min(phase.positions, begin + phase.blocks_per_split);
#pragma unroll 4
  for (int position = begin; position < end; ++position) {
    const Pixel pixel = pixel_of(p, phase, static_cast<unsigned>(position));
    Values<V> x;
    x.load(image + (pixel.at + place.at), is_inside(p, pixel, place));
    const float* row = b + std::int64_t{position} * p.b_stride;
#pragma unroll
    for (int col = 0; col < Cols; ++col) {
      const float right = col < p.cols ? row[col] : 0.0f;
#pragma unroll
      for (int v = 0; v < V; ++v) sums[col][v] += x.at[v] * right;
    }
  }
  if (phase.splits > 1) {
    const auto part = [&](int number, int col, int v) -> float& {
      const std::int64_t tiles = std::int64_t{index} * p.tiles + tile;
      return p
          .partial[(((tiles * phase.splits + number) * Cols + col) * V + v) * kThreads + thread];
    };
    for (int col = 0; col < Cols; ++col)
      for (int v = 0; v < V; ++v) part(split, col, v) = sums[col][v];
    __shared__ bool last;
    if (!last_to_come(p.counters + index * p.tiles + tile, phase.splits, last)) return;
#pragma unroll
    for (int col = 0; col < Cols; ++col)
#pragma unroll
      for (int v = 0; v < V; ++v) {
        float sum = 0;
        for (int number = 0; number < phase.splits; ++number) sum += part(number, col, v);
        sums[col][v] = sum;
      }
  }
  for (int v = 0; v < V; ++v)
    for (int col = 0; col < Cols; ++col) {
      if (first + v >= phase.depth || col >= p.cols) continue;
      float* out = p.out + at.out + std::int64_t{first + v} * p.out_stride + col;
      *out = finish(p.epilogue, sums[col][v], first + v, col, out);
    }
}

template <int Cols, int V>
void start_few(Form form, Product& p, int count, Host& host) {
  std::int64_t items = 0;
  if (form == Form::filter_grad) {
    Phase& phase = p.phases[0];
    const std::int64_t tiles = ceil_div(phase.depth, kThreads * V);
    const std::int64_t most =
        tiles * count <= kCounters ? kBlocks / std::max<std::int64_t>(1, tiles * count) : 1;
    const std::int64_t each = std::max<std::int64_t>(
        kLeastPositions, ceil_div(phase.positions, std::max<std::int64_t>(1, most)));
    const std::int64_t splits = std::max<std::int64_t>(1, ceil_div(phase.positions, each));
    phase.blocks_per_split = static_cast<int>(each);  // positions
    phase.splits = static_cast<int>(splits);
    p.tiles = static_cast<int>(tiles);
    items = tiles * splits;
    if (splits > 1) {
      p.partial = static_cast<float*>(host.scratch(static_cast<std::size_t>(items * count) * Cols *
                                                   V * kThreads * sizeof(float)));
      p.counters = host.counters();
    }
  } else {
    for (int i = 0; i < p.phase_count; ++i) {
      p.phases[i].first_item = as_int(items, "blocks");
      items += ceil_div(p.phases[i].positions, kPixels);
    }
  }
  p.items = as_int(items, "blocks");
  const Grid grid{.blocks = blocks_for(items * count, 1), .threads = kThreads};
  if (form == Form::filter_grad)
    launch(host, grid, depth_by_few_cols<Cols, V>, p);
  else
    launch(host, grid, rows_by_few_cols<Cols, V>, p, form == Form::forward);
}

}  // namespace

void start_few_cols(Form form, Product& p, int count, Host& host) {
  if (p.cols == 1)
    p.image_vectors ? start_few<1, 4>(form, p, count, host) : start_few<1, 1>(form, p, count, host);
  else
    p.image_vectors ? start_few<kFewCols, 4>(form, p, count, host)
                    : start_few<kFewCols, 1>(form, p, count, host);
}

}  // namespace rareface::cuda
