// How the fused kernels are told their epilogue.
#pragma once

#include "blocks.h"
#include "epilogue.h"

namespace rareface::cpu {

// One value per channel: the view itself, or its one value repeated.
inline const float* per_channel(const Call& call, const View& view, std::int64_t channels,
                                const char* what) {
  require(view.dtype == DType::float32, what, " must be float32");
  if (view.size() == channels) return view.f32();
  require(view.size() == 1, what, " has ", view.size(), " values for ", channels, " channels");
  auto* values =
      static_cast<float*>(call.host->scratch(static_cast<std::size_t>(channels) * sizeof(float)));
  std::fill_n(values, channels, view.f32()[0]);
  return values;
}

// Attributes from `attr` on: activation, slope of leaky_relu, has a bias, has prelu slopes. Inputs
// from `input` on: the bias and the slopes, those that there are.
inline Epilogue epilogue_of(const Call& call, int input, int attr, std::int64_t channels) {
  const std::int64_t activation = call.attr_int(attr);
  require(activation >= 0 && activation <= static_cast<std::int64_t>(Activation::sigmoid),
          "no activation has the number ", activation);
  const bool bias = call.attr(attr + 2) != 0.0, prelu = call.attr(attr + 3) != 0.0;
  require(call.in_count == input + bias + prelu, "got ", call.in_count, " inputs, expected ",
          input + bias + prelu);
  Epilogue epilogue;
  epilogue.activation = static_cast<Activation>(activation);
  epilogue.slope = static_cast<float>(call.attr(attr + 1));
  if (bias) epilogue.bias = per_channel(call, call.in[input++], channels, "the bias");
  if (prelu) epilogue.prelu = per_channel(call, call.in[input], channels, "prelu's slopes");
  require(prelu == (epilogue.activation == Activation::prelu), "prelu and its slopes go together");
  return epilogue;
}

}  // namespace rareface::cpu
