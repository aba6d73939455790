// The kernel library's table: every family adds its kernels.
#include "register.h"

extern "C" __attribute__((visibility("default"))) void rareface_register(
    rareface::KernelTable* table) {
  using namespace rareface::cuda;
  register_adam(*table);
  register_arg(*table);
  register_batch_norm(*table);
  register_binary(*table);
  register_conv(*table);
  register_copy(*table);
  register_create(*table);
  register_depthwise(*table);
  register_elementwise_chain(*table);
  register_indexed(*table);
  register_instance_norm(*table);
  register_matmul(*table);
  register_perceptual_loss(*table);
  register_pool(*table);
  register_reduce(*table);
  register_reflect_pad(*table);
  register_residual_dense_block(*table);
  register_resize(*table);
  register_softmax(*table);
  register_transpose(*table);
  register_unary(*table);
}
