// One registration function per kernel family (a family = one .cu file).
#pragma once

#include "../runtime/kernel.h"

namespace rareface::cuda {

void register_adam(KernelTable& table);
void register_arg(KernelTable& table);
void register_batch_norm(KernelTable& table);
void register_binary(KernelTable& table);
void register_conv(KernelTable& table);
void register_copy(KernelTable& table);
void register_create(KernelTable& table);
void register_depthwise(KernelTable& table);
void register_elementwise_chain(KernelTable& table);
void register_indexed(KernelTable& table);
void register_instance_norm(KernelTable& table);
void register_matmul(KernelTable& table);
void register_perceptual_loss(KernelTable& table);
void register_pool(KernelTable& table);
void register_reduce(KernelTable& table);
void register_reflect_pad(KernelTable& table);
void register_residual_dense_block(KernelTable& table);
void register_resize(KernelTable& table);
void register_softmax(KernelTable& table);
void register_transpose(KernelTable& table);
void register_unary(KernelTable& table);

}  // namespace rareface::cuda
