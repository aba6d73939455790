// One registration function per kernel family (a family = one .cu file).
#pragma once

#include "../runtime/kernel.h"

namespace rareface::cuda {}  // namespace rareface::cuda
