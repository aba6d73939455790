// What the one device takes: as a GPU of compute capability 9.0.
#pragma once

#include <cstddef>

namespace emulator {

constexpr int kMultiprocessors = 8;
constexpr int kMostThreads = 1024, kMostThreadsZ = 64;
constexpr unsigned kMostBlocksX = 0x7fffffff, kMostBlocksYZ = 65535;
constexpr std::size_t kSharedWithoutAsking = 48 * 1024, kMostShared = 227 * 1024;

}  // namespace emulator
