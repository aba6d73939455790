#include "../arguments/instance_norm_kernels.h"

#include "instance_norm.h"
#include "register.h"

namespace rareface::cpu {

void register_instance_norm(KernelTable& table) {
  InstanceNormKernels<instance_norm, instance_norm_grad>::add(table);
}

}  // namespace rareface::cpu
