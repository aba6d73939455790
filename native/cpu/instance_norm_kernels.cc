// Instance normalisation's kernels: attributes in, one call of instance_norm.h.
#include "blocks.h"
#include "instance_norm.h"
#include "register.h"

namespace rareface::cpu {
namespace {

NormShape shape_of(const Call& call) {
  const View& x = call.in[0];
  require(x.rank == 4, "takes tensors of rank 4");
  for (int i = 0; i < call.in_count; ++i) {
    require(call.in[i].dtype == DType::float32, "takes float32 only");
    require(call.in[i].size() == x.size(), "sizes differ");
  }
  require(call.out[0].size() == x.size(), "sizes differ");
  return {x.dims[0], x.dims[1] * x.dims[2], x.dims[3]};
}

// Attributes: activation (see epilogue.h), slope of leaky_relu, epsilon.
Norm norm_of(const Call& call) {
  return {static_cast<Activation>(call.attr_int(0)), static_cast<float>(call.attr(1)),
          call.attr(2)};
}

// x -> y
void instance_norm_kernel(const Call& call) {
  require_arity(call, 1, 1);
  const NormShape shape = shape_of(call);
  instance_norm(shape, norm_of(call), call.in[0].f32(), shape.channels, call.out[0].f32_out(),
                shape.channels, {}, *call.host);
}

// (x, dy) -> dx
void instance_norm_grad_kernel(const Call& call) {
  require_arity(call, 2, 1);
  const NormShape shape = shape_of(call);
  instance_norm_grad(shape, norm_of(call), call.in[0].f32(), shape.channels, call.in[1].f32(),
                     shape.channels, call.out[0].f32_out(), shape.channels, *call.host);
}

}  // namespace

void register_instance_norm(KernelTable& table) {
  table.add("InstanceNorm", instance_norm_kernel);
  table.add("InstanceNormGrad", instance_norm_grad_kernel);
}

}  // namespace rareface::cpu
