// The residual dense block, and its gradient.
#include "../arguments/residual_dense_block_kernels.h"
#include "blocks.h"
#include "conv.h"
#include "instance_norm.h"
#include "register.h"

namespace rareface::cpu {
namespace {

// See ResidualDenseBlockKernels.
class Steps {
 public:
  explicit Steps(const Call& call) : call_(call) {}

  static constexpr auto& conv_forward = cpu::conv_forward;
  static constexpr auto& conv_input_grad = cpu::conv_input_grad;
  static constexpr auto& conv_filter_grad = cpu::conv_filter_grad;

  void copy_pixels(const PixelCopy& c, Host&) const {
    for_rows(call_, c.pixels, c.channels, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p)
        std::copy_n(c.from + p * c.from_stride, c.channels, c.to + p * c.to_stride);
    });
  }

  void instance_norm(const NormShape& shape, const Norm& norm, const float* x,
                     std::int64_t x_stride, float* y, std::int64_t y_stride,
                     const NormExtras& extras, Host& host, const PixelCopy& besides) const {
    copy_pixels(besides, host);
    cpu::instance_norm(shape, norm, x, x_stride, y, y_stride, extras, host);
  }

  void instance_norm_grad_of_result(const NormShape& shape, const Norm& norm, const float* y,
                                    std::int64_t y_stride, const float* inverse,
                                    std::int64_t inverse_stride, const float* dy,
                                    std::int64_t dy_stride, float scale, float* dx,
                                    std::int64_t dx_stride, Host& host, float* dy_copy) const {
    if (dy_copy)
      copy_pixels(
          {shape.batch * shape.pixels, shape.channels, dy, dy_stride, dy_copy, shape.channels},
          host);
    cpu::instance_norm_grad_of_result(shape, norm, y, y_stride, inverse, inverse_stride, dy,
                                      dy_stride, scale, dx, dx_stride, host);
  }

  void through_activation(const ActivationGrad& a, std::int64_t pixels, std::int64_t channels,
                          float* sums, Host& host) const {
    if (channels == 0) return;
    const std::int64_t rows = std::max<std::int64_t>(1, kCheapGrain / channels);
    const std::int64_t blocks = ceil_div(pixels, rows);
    float* partial = scratch_floats(host, blocks * channels);
    for_blocks(call_, pixels, rows, [&](std::int64_t begin, std::int64_t end) {
      float* sum = partial + begin / rows * channels;
      std::fill_n(sum, channels, 0.0f);
      for (std::int64_t p = begin; p < end; ++p) {
        const float* from = a.dy + p * a.dy_stride;
        const float* result = a.y ? a.y + p * a.y_stride : nullptr;
        float* to = a.dx + p * a.dx_stride;
        if (a.copy) std::copy_n(from, channels, a.copy + p * channels);
        if (result) {
#pragma omp simd
          for (std::int64_t c = 0; c < channels; ++c) {
            const float g = a.scale * from[c];
            to[c] = result[c] > 0 ? g : a.slope * g;
            sum[c] += to[c];
          }
        } else {
#pragma omp simd
          for (std::int64_t c = 0; c < channels; ++c) {
            to[c] = a.scale * from[c];
            sum[c] += to[c];
          }
        }
      }
    });
    if (!sums) return;
    for (std::int64_t c = 0; c < channels; ++c) {
      double total = 0;
      for (std::int64_t block = 0; block < blocks; ++block)
        total += static_cast<double>(partial[block * channels + c]);
      sums[c] = static_cast<float>(total);
    }
  }

  template <class Work>
  static void aside(Work&& work, Host& host) {
    work(host);
  }

  static void finish() {}

 private:
  const Call& call_;
};

}  // namespace

void register_residual_dense_block(KernelTable& table) {
  ResidualDenseBlockKernels<Steps>::add(table);
}

}  // namespace rareface::cpu
