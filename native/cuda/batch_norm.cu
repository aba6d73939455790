// Batch normalisation over the last dimension: with given statistics, and with the batch's own,
// with its activation and its gradient. The latter is the normalisation of one sample whose pixels
// are all rows.
#include "../arguments/batch_norm.h"
#include "channel_moments.h"
#include "launch.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// Values that repeat over the elements of x.
struct Repeated {
  const float* values = nullptr;
  std::int64_t size = 0;

  Repeated() = default;
  explicit Repeated(const View& view) : values(view.f32()), size(view.size()) {}
  // Of the element at `index` of the period.
  template <class Index>
  __device__ float at(Index index, std::int64_t period) const {
    if (size == 1) return values[0];
    return values[size == period ? index : index % static_cast<Index>(size)];
  }
};

struct Given {
  Repeated mean, variance, offset, scale;  // the latter two may be null
  std::int64_t period;
  float epsilon;
};

// Index: wide enough for all elements, and no wider: divisions are costly.
template <class Index>
__global__ void normalise(Given given, const float* x, float* y, std::int64_t size) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < size;
       i += step) {
    const Index at = static_cast<Index>(i) % static_cast<Index>(given.period);
    float factor = 1.0f / sqrtf(given.variance.at(at, given.period) + given.epsilon);
    if (given.scale.values) factor *= given.scale.at(at, given.period);
    const float z = (x[i] - given.mean.at(at, given.period)) * factor;
    y[i] = given.offset.values ? z + given.offset.at(at, given.period) : z;
  }
}

void fused_batch_norm(const Call& call) {
  const FusedBatchNormArguments a(call);
  Given given{.mean = Repeated(a.mean(call)),
              .variance = Repeated(a.variance(call)),
              .offset = {},
              .scale = {},
              .period = a.period,
              .epsilon = static_cast<float>(a.epsilon)};
  if (a.has_offset) given.offset = Repeated(a.offset(call));
  if (a.has_scale) given.scale = Repeated(a.scale(call));
  const bool narrow = a.size <= std::numeric_limits<std::int32_t>::max();
  launch(*call.host, grid_for(a.size), narrow ? normalise<std::uint32_t> : normalise<std::int64_t>,
         given, call.in[0].f32(), call.out[0].f32_out(), a.size);
}

// Of the activation below 0.
float slope_of(bool relu) { return relu ? 0.0f : 1.0f; }

void batch_norm_train(const Call& call) {
  const BatchNormSizes s = batch_norm_train_sizes(call);
  const NormShape shape{1, s.rows, s.channels};
  const float* x = call.in[0].f32();
  float* mean = call.out[1].f32_out();
  float* inverse = call.out[2].f32_out();
  channel_moments(shape, x, s.channels, call.attr(0), mean, inverse, s.channels, *call.host);
  apply_norm(shape,
             {.x = x,
              .x_stride = s.channels,
              .y = call.out[0].f32_out(),
              .y_stride = s.channels,
              .slope = slope_of(call.attr(1) != 0),
              .gain = call.in[1].f32(),
              .offset = call.in[2].f32()},
             {mean, inverse, s.channels}, {}, *call.host);
}

void batch_norm_train_grad(const Call& call) {
  const BatchNormSizes s = batch_norm_train_grad_sizes(call);
  const NormShape shape{1, s.rows, s.channels};
  const bool relu = call.attr(0) != 0;
  const NormGradient gradient{.source = call.in[0].f32(),
                              .source_stride = s.channels,
                              .of_result = false,
                              .dy = call.in[1].f32(),
                              .dy_stride = s.channels,
                              .slope = slope_of(relu),
                              .gate = relu ? call.in[5].f32() : nullptr};
  const ChannelStatistics statistics{call.in[3].f32(), call.in[4].f32(), s.channels};
  float* dscale = call.out[1].f32_out();
  float* doffset = call.out[2].f32_out();
  channel_products(shape, gradient, statistics, doffset, dscale, *call.host);
  apply_norm_grad(shape, gradient, statistics, doffset, dscale, 1.0f, call.in[2].f32(),
                  call.out[0].f32_out(), s.channels, *call.host);
}

}  // namespace

void register_batch_norm(KernelTable& table) {
  table.add("FusedBatchNorm", fused_batch_norm);
  table.add("BatchNormTrain", batch_norm_train);
  table.add("BatchNormTrainGrad", batch_norm_train_grad);
}

}  // namespace rareface::cuda
