// The machine that the emulator plays.
#pragma once

#include <cstddef>

namespace emulator {

// What users' machines have more or less of than a GPU of today. For tests:
// RAREFACE_EMULATOR_MACHINE="driver=0", of words name=number; what it does not name is as here.
struct Machine {
  int driver = 13000;                         // of CUDA, 13.0; 0: there is none
  int devices = 1;                            // GPUs
  int capability = 90;                        // 9.0
  std::size_t memory = std::size_t{8} << 30;  // bytes
};

// Read anew every time.
Machine machine();

}  // namespace emulator
