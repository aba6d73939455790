// Statistics of each channel of each sample over its pixels, and what is made of them, for as many
// pixels as may be: pixels are cut into chunks, whose sums are added up in one order.
//
// Tensors are NHWC with pixel strides; statistics and sums are [batch, channels]. Batch
// normalisation is the case of one sample.
#pragma once

#include "../arguments/instance_norm.h"

namespace rareface::cuda {

// Sets the mean, and 1 / sqrt(variance + epsilon) at inverse + sample * inverse_stride.
void channel_moments(const NormShape& shape, const float* x, std::int64_t x_stride, double epsilon,
                     float* mean, float* inverse, std::int64_t inverse_stride, Host& host);

struct ChannelStatistics {
  const float* mean;
  const float* inverse;  // those of a sample at inverse + sample * inverse_stride
  std::int64_t inverse_stride;
};

// y = activation(z * gain + offset) of the normalised z of x, and the extras' sum.
struct NormApplied {
  const float* x;
  std::int64_t x_stride;
  float* y;
  std::int64_t y_stride;
  float slope;                    // of the activation below 0
  const float* gain = nullptr;    // [channels], or null: 1
  const float* offset = nullptr;  // [channels], or null: 0
};
void apply_norm(const NormShape& shape, const NormApplied& a, const ChannelStatistics& statistics,
                const NormExtras& extras, Host& host);

// What the gradient by x is found from. The normalised z comes from x or from the result.
struct NormGradient {
  const float* source;  // x, or the result
  std::int64_t source_stride;
  bool of_result;
  const float* dy;
  std::int64_t dy_stride;
  float slope;                  // of the activation below 0
  const float* gate = nullptr;  // dense: has the sign of what entered the activation; null: z has
};

// With g = dy * activation'(...): sums = the sum of g, products = the sum of g z. The mean may be
// null for the gradient of a result.
void channel_products(const NormShape& shape, const NormGradient& a,
                      const ChannelStatistics& statistics, float* sums, float* products,
                      Host& host);

// dx = scale * gain * inverse * (g - mean(g) - z * mean(g z)); dx may be dy.
void apply_norm_grad(const NormShape& shape, const NormGradient& a,
                     const ChannelStatistics& statistics, const float* sums, const float* products,
                     float scale, const float* gain, float* dx, std::int64_t dx_stride, Host& host);

}  // namespace rareface::cuda
