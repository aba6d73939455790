// How a kernel is started, in place of <<< >>>.
#pragma once

#include <functional>
#include <type_traits>
#include <vector>

#include "runtime_api.h"

namespace emulator {

// Runs `body` once for every thread of the grid: it calls the kernel with its arguments, which it
// holds by value. Noted instead while `stream` is captured. `kernel`, the function, is what
// cudaFuncSetAttribute was told of; `pointers` are those of its arguments, which must lie in the
// device's memory whenever it runs. What goes wrong is left to cudaGetLastError.
void launch(const void* kernel, dim3 blocks, dim3 threads, std::size_t shared, cudaStream_t stream,
            std::function<void()> body, std::vector<const void*> pointers);

// Those of a kernel's arguments that are pointers.
template <class... Arguments>
std::vector<const void*> pointers_of(const Arguments&... arguments) {
  std::vector<const void*> pointers;
  [[maybe_unused]] const auto add = [&](const auto& argument) {
    if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(argument)>>)
      pointers.push_back(argument);
  };
  (add(arguments), ...);
  return pointers;
}

}  // namespace emulator
