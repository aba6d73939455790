// Streams: they keep no work, but note it while they are captured.
#pragma once

#include <functional>
#include <string>

#include "runtime_api.h"

namespace emulator {

using Work = std::function<cudaError_t()>;

// Does `work` now, or notes it.
cudaError_t enqueue(cudaStream_t stream, Work work);

}  // namespace emulator
