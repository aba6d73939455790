// What is done to a matrix product's result before it is stored, and how fused kernels are told.
#pragma once

#include "call.h"

namespace rareface {

// Must match `activations` in ts/backend/kernels/epilogue.ts.
enum class Activation : std::int32_t {
  linear = 0,
  relu = 1,
  relu6 = 2,
  elu = 3,
  leaky_relu = 4,
  prelu = 5,
  sigmoid = 6,
};

// out = residual + scale * activation(product + bias), or the same added to what is in `out`. The
// pointers are to the memory that the kernels work on.
struct Epilogue {
  const float* bias = nullptr;  // [channels]
  Activation activation = Activation::linear;
  float slope = 0.2f;            // of leaky_relu
  const float* prelu = nullptr;  // [channels], the slopes of prelu
  float scale = 1.0f;
  const float* residual = nullptr;   // a tensor of the output's pixels; may be the output itself
  std::int64_t residual_stride = 0;  // floats from one pixel to the next
  bool accumulate = false;

  // Whether out = product.
  constexpr bool plain() const {
    return !bias && activation == Activation::linear && scale == 1.0f && !residual && !accumulate;
  }
};

// Attributes from `attr` on: activation, slope of leaky_relu, has a bias, has prelu slopes. Inputs
// from `input` on: the bias and the slopes, those that there are, each of one value per channel or
// of one for all, which repeat(const float* value, channels) turns into the former.
template <class Repeat>
Epilogue epilogue_of(const Call& call, int input, int attr, std::int64_t channels,
                     Repeat&& repeat) {
  const auto per_channel = [&](const View& view, const char* what) -> const float* {
    require(view.dtype == DType::float32, what, " must be float32");
    if (view.size() == channels) return view.f32();
    require(view.size() == 1, what, " has ", view.size(), " values for ", channels, " channels");
    return repeat(view.f32(), channels);
  };
  const std::int64_t activation = call.attr_int(attr);
  require(activation >= 0 && activation <= static_cast<std::int64_t>(Activation::sigmoid),
          "no activation has the number ", activation);
  const bool bias = call.attr(attr + 2) != 0.0, prelu = call.attr(attr + 3) != 0.0;
  require(call.in_count == input + bias + prelu, "got ", call.in_count, " inputs, expected ",
          input + bias + prelu);
  Epilogue epilogue;
  epilogue.activation = static_cast<Activation>(activation);
  epilogue.slope = static_cast<float>(call.attr(attr + 1));
  if (bias) epilogue.bias = per_channel(call.in[input++], "the bias");
  if (prelu) epilogue.prelu = per_channel(call.in[input], "prelu's slopes");
  require(prelu == (epilogue.activation == Activation::prelu), "prelu and its slopes go together");
  return epilogue;
}

}  // namespace rareface
