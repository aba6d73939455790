// The kernel library's one exported function: every family adds its kernels.
#include "register.h"

extern "C" __attribute__((visibility("default"))) void rareface_register(
    rareface::KernelTable* table) {
  rareface::cpu::register_unary(*table);
}
