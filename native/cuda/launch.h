// The one way in which kernels are started.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "../runtime/kernel.h"

#if defined(RAREFACE_EMULATOR)
#include "emulator/launch.h"
#endif

namespace rareface::cuda {

// Throws what CUDA says of a failure. `doing`: "copying 12 bytes".
template <class... Pieces>
void check(cudaError_t status, const Pieces&... doing) {
  if (status == cudaSuccess) return;
  const std::string words = cudaGetErrorString(status);
  (void)cudaGetLastError();  // or the next launch would be blamed for it
  fail(doing..., ": ", words, " (", cudaGetErrorName(status), ")");
}

inline cudaStream_t stream_of(const Host& host) { return static_cast<cudaStream_t>(host.stream()); }

struct Grid {
  dim3 blocks = 1;
  dim3 threads = 1;
  std::size_t shared = 0;  // bytes of dynamic shared memory
};

// Starts a kernel on the host's stream. A grid of no blocks does nothing. Throws std::runtime_error
// for what cannot be started; what goes wrong on the device is thrown when the host waits next.
template <class... Parameters, class... Arguments>
void launch(const Host& host, const Grid& grid, void (*kernel)(Parameters...),
            Arguments... arguments) {
  if (grid.blocks.x == 0 || grid.blocks.y == 0 || grid.blocks.z == 0) return;
  constexpr std::size_t kWithoutAsking = 48 * 1024;
  if (grid.shared > kWithoutAsking)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                               cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(grid.shared)),
          "asking for ", grid.shared, " bytes of shared memory");
#if defined(RAREFACE_EMULATOR)
  emulator::launch(
      reinterpret_cast<const void*>(kernel), grid.blocks, grid.threads, grid.shared,
      stream_of(host), [=] { kernel(static_cast<Parameters>(arguments)...); },
      emulator::pointers_of(arguments...));
#else
  // clang-format off
  kernel<<<grid.blocks, grid.threads, grid.shared, stream_of(host)>>>(
      static_cast<Parameters>(arguments)...);
  // clang-format on
#endif
  check(cudaGetLastError(), "starting a kernel");
}

// Blocks that `count` items need. Throws where a grid cannot have so many.
inline unsigned blocks_for(std::int64_t count, std::int64_t per_block) {
  const std::int64_t blocks = (count + per_block - 1) / per_block;
  require(blocks <= std::numeric_limits<std::int32_t>::max(), "a grid cannot have ", blocks,
          " blocks");
  return static_cast<unsigned>(blocks);
}

// For kernels that go over `count` elements in strides of the grid: as many threads as a GPU has
// use for.
inline Grid grid_for(std::int64_t count) {
  constexpr std::int64_t kThreads = 256, kMostBlocks = 132 * 16;
  return {.blocks = static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMostBlocks)),
          .threads = static_cast<unsigned>(kThreads)};
}

}  // namespace rareface::cuda
