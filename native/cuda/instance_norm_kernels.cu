// Instance normalisation's kernels: attributes in, one call of instance_norm.h.
#include "instance_norm.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// x -> y
void instance_norm_kernel(const Call& call) {
  require_arity(call, 1, 1);
  const NormShape shape = norm_shape(call);
  instance_norm(shape, norm_of(call), call.in[0].f32(), shape.channels, call.out[0].f32_out(),
                shape.channels, {}, *call.host);
}

// (x, dy) -> dx
void instance_norm_grad_kernel(const Call& call) {
  require_arity(call, 2, 1);
  const NormShape shape = norm_shape(call);
  instance_norm_grad(shape, norm_of(call), call.in[0].f32(), shape.channels, call.in[1].f32(),
                     shape.channels, call.out[0].f32_out(), shape.channels, *call.host);
}

}  // namespace

void register_instance_norm(KernelTable& table) {
  table.add("InstanceNorm", instance_norm_kernel);
  table.add("InstanceNormGrad", instance_norm_grad_kernel);
}

}  // namespace rareface::cuda
