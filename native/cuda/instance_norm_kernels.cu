#include "../arguments/instance_norm_kernels.h"
#include "instance_norm.h"
#include "register.h"

namespace rareface::cuda {
namespace {

// With nothing copied besides.
void forward(const NormShape& shape, const Norm& norm, const float* x, std::int64_t x_stride,
             float* y, std::int64_t y_stride, const NormExtras& extras, Host& host) {
  instance_norm(shape, norm, x, x_stride, y, y_stride, extras, host);
}

}  // namespace

void register_instance_norm(KernelTable& table) {
  InstanceNormKernels<forward, instance_norm_grad>::add(table);
}

}  // namespace rareface::cuda
