// The residual dense block, and its gradient.
#include "../arguments/residual_dense_block_kernels.h"
#include "channel_slices.h"
#include "conv.h"
#include "instance_norm.h"
#include "norm_math.h"
#include "pixel_copy.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// partial[chunk] = the sums over its pixels of dx's channels, unless null.
template <int Width>
__global__ void __launch_bounds__(kThreads)
    gate_gradient(Slices s, ActivationGrad a, float* partial) {
  __shared__ float shared[row_sums_size(Width, 1)];
  const SlicePlace<Width> place(s);
  float sums[Width] = {};
  for (int k = 0; place.has(k); ++k) {
    auto g = load_pack<Width>(a.dy + place.at(k, s, a.dy_stride));
    if (a.copy) store_pack(a.copy + place.at(k, s, s.channels), g);
    Floats<Width> y;
    if (a.y) y = load_pack<Width>(a.y + place.at(k, s, a.y_stride));
#pragma unroll
    for (int i = 0; i < Width; ++i) {
      g.v[i] *= a.scale;
      if (a.y) g.v[i] = gated(g.v[i], y.v[i], a.slope);
      sums[i] += g.v[i];
    }
    store_pack(a.dx + place.at(k, s, a.dx_stride), g);
  }
  if (!partial) return;
  sum_rows(sums, s.lanes, shared);
  if (place.row > 0 || place.pixels == 0) return;
  for (int i = 0; i < Width; ++i) partial[place.chunk * s.channels + place.channel + i] = sums[i];
}

// What is still to be added up to gradients of biases.
struct BiasSums {
  static constexpr int kMost = 32;
  struct Bias {
    const float* partial;  // [chunks, channels]
    float* sums;
    std::int64_t chunks, channels;
    unsigned first_block;
  };
  int count = 0;
  unsigned blocks = 0;
  Bias at[kMost] = {};
};

__global__ void add_bias_sums(BiasSums table) {
  __shared__ ColumnSums shared;
  int i = table.count - 1;
  while (table.at[i].first_block > blockIdx.x) --i;
  const BiasSums::Bias bias = table.at[i];
  const std::int64_t c =
      static_cast<std::int64_t>(blockIdx.x - bias.first_block) * kColumns + threadIdx.x;
  const double sum =
      column_sum(c < bias.channels ? bias.chunks : 0, shared, [&](std::int64_t chunk) {
        return static_cast<double>(bias.partial[chunk * bias.channels + c]);
      });
  if (c < bias.channels && threadIdx.y == 0) bias.sums[c] = static_cast<float>(sum);
}

// See ResidualDenseBlockKernels.
class Steps {
 public:
  explicit Steps(const Call& call) : host_(*call.host) {}

  static constexpr auto& conv_forward = cuda::conv_forward;
  static constexpr auto& conv_input_grad = cuda::conv_input_grad;
  static constexpr auto& conv_filter_grad = cuda::conv_filter_grad;
  static constexpr auto& copy_pixels = cuda::copy_pixels;
  static constexpr auto& instance_norm = cuda::instance_norm;
  static constexpr auto& instance_norm_grad_of_result = cuda::instance_norm_grad_of_result;

  // `sums` are there when it finishes. Not from the scratch that is taken again: their parts stay
  // until then.
  void through_activation(const ActivationGrad& a, std::int64_t pixels, std::int64_t channels,
                          float* sums, Host&) {
    if (channels == 0) return;
    if (pixels == 0) {
      if (sums)
        check(cudaMemsetAsync(sums, 0, static_cast<std::size_t>(channels) * sizeof(float),
                              stream_of(host_)),
              "clearing a gradient");
      return;
    }
    const bool four = channels % 4 == 0 && four_wide(a.dy, a.dy_stride) &&
                      four_wide(a.y, a.y_stride) && four_wide(a.dx, a.dx_stride) &&
                      four_wide(a.copy, 4);
    with_width(four, [&](auto width) {
      // Small chunks, since a GPU wants many blocks, but not too many to be added up.
      constexpr std::int64_t kFew = 4, kMostChunks = 256;
      const int lanes = lanes_for(channels, width, width == 4 ? 8 : 32);
      const std::int64_t most = std::max(kFew, ceil_div(pixels, kThreads / lanes * kMostChunks));
      const Slices s = slices({1, pixels, channels}, width, lanes, kThreads, most);
      float* partial = sums ? scratch_floats(host_, s.chunks * channels) : nullptr;
      launch(host_, s.grid(), gate_gradient<width>, s, a, partial);
      if (!sums) return;
      if (biases_.count == BiasSums::kMost) finish();
      biases_.at[biases_.count++] = {partial, sums, s.chunks, channels, biases_.blocks};
      biases_.blocks += blocks_for(channels, kColumns);
    });
  }

  template <class Work>
  static void aside(Work&& work, Host& host) {
    host.aside(work);
  }

  void finish() {
    launch(host_, {.blocks = biases_.blocks, .threads = dim3(kColumns, kColumnRows)}, add_bias_sums,
           biases_);
    biases_.count = 0;
    biases_.blocks = 0;
  }

 private:
  Host& host_;
  BiasSums biases_;
};

}  // namespace

void register_residual_dense_block(KernelTable& table) {
  ResidualDenseBlockKernels<Steps>::add(table);
}

}  // namespace rareface::cuda
