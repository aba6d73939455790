// Instance normalisation's kernels: attributes in, one call of a normalisation.
#pragma once

#include "instance_norm.h"

namespace rareface {

// Of normalisations as functions (cpu/instance_norm.h, cuda/instance_norm.h).
template <auto forward, auto grad>
class InstanceNormKernels {
 public:
  static void add(KernelTable& table) {
    table.add("InstanceNorm", instance_norm);
    table.add("InstanceNormGrad", instance_norm_grad);
  }

 private:
  // x -> y
  static void instance_norm(const Call& call) {
    require_arity(call, 1, 1);
    const NormShape shape = norm_shape(call);
    forward(shape, norm_of(call), call.in[0].f32(), shape.channels, call.out[0].f32_out(),
            shape.channels, {}, *call.host);
  }

  // (x, dy) -> dx
  static void instance_norm_grad(const Call& call) {
    require_arity(call, 2, 1);
    const NormShape shape = norm_shape(call);
    grad(shape, norm_of(call), call.in[0].f32(), shape.channels, call.in[1].f32(), shape.channels,
         call.out[0].f32_out(), shape.channels, *call.host);
  }
};

}  // namespace rareface
