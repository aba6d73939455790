// One registration function per kernel family (a family = one .cc file).
#pragma once

#include "../runtime/kernel.h"

namespace rareface::cpu {

void register_unary(KernelTable& table);

}  // namespace rareface::cpu
