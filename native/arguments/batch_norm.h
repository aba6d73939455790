// The arguments of batch normalisation, over the last dimension.
#pragma once

#include <algorithm>

#include "call.h"

namespace rareface {

// With given statistics. Inputs: x, mean, variance, then offset and scale where the attributes say
// so; each a scalar, a vector over the last dimension, or as large as x (repeated in order).
// Attributes: epsilon, whether there is an offset, whether there is a scale.
struct FusedBatchNormArguments {
  double epsilon;
  bool has_offset, has_scale;
  std::int64_t size;        // of x
  std::int64_t period = 1;  // the longest of the parameters; all of them repeat with it

  explicit FusedBatchNormArguments(const Call& call) {
    require(call.in_count >= 3 && call.out_count == 1, "takes x, mean and variance");
    epsilon = call.attr(0);
    has_offset = call.attr(1) != 0;
    has_scale = call.attr(2) != 0;
    require(call.in_count == 3 + has_offset + has_scale, "inputs are missing");
    size = call.in[0].size();
    require(call.out[0].size() == size, "sizes differ");
    for (int i = 1; i < call.in_count; ++i) period = std::max(period, call.in[i].size());
    for (int i = 0; i < call.in_count && size > 0; ++i) {
      require(call.in[i].dtype == DType::float32, "takes float32 only");
      require(call.in[i].size() > 0 && (i == 0 ? size % period : period % call.in[i].size()) == 0,
              "the sizes of the parameters do not fit");
    }
  }
  const View& mean(const Call& call) const { return call.in[1]; }
  const View& variance(const Call& call) const { return call.in[2]; }
  // Only where there is one.
  const View& offset(const Call& call) const { return call.in[3]; }
  const View& scale(const Call& call) const { return call.in[3 + has_offset]; }
};

// With the batch's own statistics.
struct BatchNormSizes {
  std::int64_t rows, channels;
};

inline BatchNormSizes batch_norm_sizes(const Call& call) {
  for (int i = 0; i < call.in_count; ++i)
    require(call.in[i].dtype == DType::float32, "takes float32 only");
  const View& x = call.in[0];
  require(x.rank >= 1 && x.size() > 0, "takes at least one row of one channel");
  const std::int64_t channels = x.dims[x.rank - 1];
  return {x.size() / channels, channels};
}

// Inputs: x [..., C], scale [C], offset [C]. Outputs: y like x, mean [C] and 1 / deviation [C].
// Attributes: epsilon, whether y is cut off at 0 (relu).
inline BatchNormSizes batch_norm_train_sizes(const Call& call) {
  require_arity(call, 3, 3);
  const BatchNormSizes s = batch_norm_sizes(call);
  for (int i : {1, 2}) require(call.in[i].size() == s.channels, "a parameter is not of size C");
  require(call.out[0].size() == call.in[0].size(), "y is not as large as x");
  for (int i : {1, 2}) require(call.out[i].size() == s.channels, "a statistic is not of size C");
  return s;
}

// Inputs: x, dy, scale, mean, 1 / deviation, y (read for relu alone). Outputs: dx, dscale,
// doffset. Attribute: whether y was cut off at 0.
inline BatchNormSizes batch_norm_train_grad_sizes(const Call& call) {
  require_arity(call, 6, 3);
  const BatchNormSizes s = batch_norm_sizes(call);
  for (int i : {1, 5}) require(call.in[i].size() == call.in[0].size(), "sizes differ");
  for (int i : {2, 3, 4}) require(call.in[i].size() == s.channels, "a parameter is not of size C");
  require(call.out[0].size() == call.in[0].size(), "dx is not as large as x");
  for (int i : {1, 2}) require(call.out[i].size() == s.channels, "a gradient is not of size C");
  return s;
}

}  // namespace rareface
