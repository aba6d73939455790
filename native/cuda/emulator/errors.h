// The errors of the runtime, with their causes.
#pragma once

#include <sstream>
#include <string>

#include "runtime_api.h"

namespace emulator {

// Notes an error for cudaGetLastError and cudaGetErrorString, and gives it.
cudaError_t refuse(cudaError_t error, std::string cause);

template <class... Pieces>
cudaError_t refuse(cudaError_t error, const Pieces&... cause) {
  std::ostringstream text;
  (text << ... << cause);
  return refuse(error, text.str());
}

}  // namespace emulator
