// What would be launched, for counting: with RAREFACE_EMULATOR_LAUNCHES=file no kernel runs, and
// each launch becomes a line of that file.
#pragma once

#include <cstddef>

#include "language.h"

namespace emulator {

// Whether launches are counted. If so notes this one: "offset blocks.x y z threads.x y z shared",
// with the kernel's offset in its library in hexadecimal, as nm prints it.
bool note_launch(const void* kernel, dim3 blocks, dim3 threads, std::size_t shared);

}  // namespace emulator
