// The epilogue of a fused kernel's call.
#pragma once

#include "../arguments/epilogue.h"

namespace rareface::cuda {

// See arguments/epilogue.h.
Epilogue epilogue_of(const Call& call, int input, int attr, std::int64_t channels);

}  // namespace rareface::cuda
