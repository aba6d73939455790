// How a kernel is started, in place of <<< >>>.
#pragma once

#include <functional>

#include "runtime_api.h"

namespace emulator {

// Runs `body` once for every thread of the grid: it calls the kernel with its arguments, which it
// holds by value. Noted instead while `stream` is captured. `kernel`, the function, is what
// cudaFuncSetAttribute was told of. What goes wrong is left to cudaGetLastError.
void launch(const void* kernel, dim3 blocks, dim3 threads, std::size_t shared, cudaStream_t stream,
            std::function<void()> body);

}  // namespace emulator
