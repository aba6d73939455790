// Batch normalisation with the batch's own statistics, its activation, and its gradient.
//
// Over the last dimension. The rows are cut into blocks that fit in cache; each gives sums per
// channel, which are added up in the order of the blocks, in double precision.
#include <cmath>

#include "../arguments/batch_norm.h"
#include "blocks.h"
#include "register.h"

namespace rareface::cpu {
namespace {

struct Sizes : BatchNormSizes {
  std::int64_t rows_a_block, blocks;

  explicit Sizes(const BatchNormSizes& s)
      : BatchNormSizes(s),
        rows_a_block(std::max<std::int64_t>(1, kCheapGrain / channels)),
        blocks(ceil_div(rows, rows_a_block)) {}
};

// body(block, first row, end row) over all blocks, in parallel.
template <class F>
void for_row_blocks(const Call& call, const Sizes& s, F&& body) {
  auto block = [&](std::int64_t i) {
    body(i, i * s.rows_a_block, std::min(s.rows, (i + 1) * s.rows_a_block));
  };
  call.host->parallel(s.blocks, block);
}

// The mean of rows begin..end, and the sum of their squared distances from it.
void block_moments(const float* x, std::int64_t count, std::int64_t channels, float* mean,
                   float* squares) {
  std::fill_n(mean, channels, 0.0F);
  std::fill_n(squares, channels, 0.0F);
  // Relative to the first row: sums stay small where values are far from 0.
  for (std::int64_t r = 1; r < count; ++r) {
    const float* p = x + r * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) mean[c] += p[c] - x[c];
  }
  const float share = 1.0F / static_cast<float>(count);
#pragma omp simd
  for (std::int64_t c = 0; c < channels; ++c) mean[c] = x[c] + mean[c] * share;
  for (std::int64_t r = 0; r < count; ++r) {
    const float* p = x + r * channels;
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const float d = p[c] - mean[c];
      squares[c] += d * d;
    }
  }
}

void batch_norm_train(const Call& call) {
  const Sizes s(batch_norm_train_sizes(call));
  const float* x = call.in[0].f32();
  const float* scale = call.in[1].f32();
  const float* offset = call.in[2].f32();
  float* y = call.out[0].f32_out();
  float* mean = call.out[1].f32_out();
  float* inverse = call.out[2].f32_out();
  const double epsilon = call.attr(0);
  const bool relu = call.attr(1) != 0;
  const std::int64_t channels = s.channels;

  float* partial = scratch_floats(*call.host, (s.blocks + 1) * channels * 2);
  for_row_blocks(call, s, [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
    float* sums = partial + block * 2 * channels;
    block_moments(x + begin * channels, end - begin, channels, sums, sums + channels);
  });

  // y = (x - mean) * factor + offset: not x * factor + shift, which loses digits far from 0.
  float* factor = partial + s.blocks * 2 * channels;
  const auto rows = static_cast<double>(s.rows);
  const auto count = [&](std::int64_t block) {
    return static_cast<double>(std::min(s.rows_a_block, s.rows - block * s.rows_a_block));
  };
  for (std::int64_t c = 0; c < channels; ++c) {
    double total = 0, squares = 0;
    for (std::int64_t b = 0; b < s.blocks; ++b) total += count(b) * partial[b * 2 * channels + c];
    const double m = total / rows;
    for (std::int64_t b = 0; b < s.blocks; ++b) {
      const float* sums = partial + b * 2 * channels;
      const double d = sums[c] - m;
      squares += sums[channels + c] + count(b) * d * d;
    }
    const double inv = 1.0 / std::sqrt(squares / rows + epsilon);
    mean[c] = static_cast<float>(m);
    inverse[c] = static_cast<float>(inv);
    factor[c] = static_cast<float>(scale[c] * inv);
  }

  for_row_blocks(call, s, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const float* p = x + r * channels;
      float* q = y + r * channels;
      if (relu) {
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) {
          const float v = (p[c] - mean[c]) * factor[c] + offset[c];
          q[c] = v < 0 ? 0 : v;  // keeps NaN
        }
      } else {
#pragma omp simd
        for (std::int64_t c = 0; c < channels; ++c) q[c] = (p[c] - mean[c]) * factor[c] + offset[c];
      }
    }
  });
}

void batch_norm_train_grad(const Call& call) {
  const Sizes s(batch_norm_train_grad_sizes(call));
  const float* x = call.in[0].f32();
  const float* dy = call.in[1].f32();
  const float* scale = call.in[2].f32();
  const float* mean = call.in[3].f32();
  const float* inverse = call.in[4].f32();
  const float* y = call.in[5].f32();
  float* dx = call.out[0].f32_out();
  float* dscale = call.out[1].f32_out();
  float* doffset = call.out[2].f32_out();
  const bool relu = call.attr(0) != 0;
  const std::int64_t channels = s.channels;

  float* partial = scratch_floats(*call.host, (s.blocks + 2) * channels * 2);
  for_row_blocks(call, s, [&](std::int64_t block, std::int64_t begin, std::int64_t end) {
    float* sums = partial + block * 2 * channels;
    float* products = sums + channels;
    std::fill_n(sums, 2 * channels, 0.0F);
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t at = r * channels;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) {
        const float g = relu && y[at + c] <= 0 ? 0 : dy[at + c];
        sums[c] += g;
        products[c] += g * (x[at + c] - mean[c]);
      }
    }
  });

  // dx = g * factor + (x - mean) * slope + shift.
  float* factor = partial + s.blocks * 2 * channels;
  float* slope = factor + channels;
  float* shift = slope + channels;
  const auto rows = static_cast<double>(s.rows);
  for (std::int64_t c = 0; c < channels; ++c) {
    double sum = 0, product = 0;
    for (std::int64_t b = 0; b < s.blocks; ++b) {
      sum += partial[b * 2 * channels + c];
      product += partial[b * 2 * channels + channels + c];
    }
    const double inv = inverse[c], f = scale[c] * inv;
    doffset[c] = static_cast<float>(sum);
    dscale[c] = static_cast<float>(product * inv);
    factor[c] = static_cast<float>(f);
    slope[c] = static_cast<float>(-f * inv * inv * product / rows);
    shift[c] = static_cast<float>(-f * sum / rows);
  }

  for_row_blocks(call, s, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t at = r * channels;
#pragma omp simd
      for (std::int64_t c = 0; c < channels; ++c) {
        const float g = relu && y[at + c] <= 0 ? 0 : dy[at + c];
        dx[at + c] = g * factor[c] + (x[at + c] - mean[c]) * slope[c] + shift[c];
      }
    }
  });
}

}  // namespace

void register_batch_norm_train(KernelTable& table) {
  table.add("BatchNormTrain", batch_norm_train);
  table.add("BatchNormTrainGrad", batch_norm_train_grad);
}

}  // namespace rareface::cpu
