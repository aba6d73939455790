// The kernel library's one exported function: every family adds its kernels.
#include "register.h"

extern "C" __attribute__((visibility("default"))) void rareface_register(
    rareface::KernelTable* table) {
  using namespace rareface::cpu;
  register_binary(*table);
  register_copy(*table);
  register_create(*table);
  register_reduce(*table);
  register_softmax(*table);
  register_unary(*table);
}
