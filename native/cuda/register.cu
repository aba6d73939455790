// The kernel library's table: every family adds its kernels.
#include "register.h"

extern "C" __attribute__((visibility("default"))) void rareface_register(
    rareface::KernelTable* table) {
  using namespace rareface::cuda;
  register_adam(*table);
  register_batch_norm(*table);
  register_conv(*table);
  register_depthwise(*table);
  register_instance_norm(*table);
  register_matmul(*table);
  register_perceptual_loss(*table);
  register_reflect_pad(*table);
  register_residual_dense_block(*table);
}
