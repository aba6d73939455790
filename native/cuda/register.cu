// The kernel library's table: every family adds its kernels.
#include "register.h"

extern "C" __attribute__((visibility("default"))) void rareface_register(
    rareface::KernelTable* table) {
  using namespace rareface::cuda;
  (void)table;
}
