// The threads of a block: fibers that take turns. A thread runs until it waits for others or ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "language.h"
#include "runtime_api.h"

namespace emulator {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// What ends a launch.
struct Fault {
  cudaError_t error;
  std::string cause;
};

// Runs all blocks of a grid; gives how it went. The caller has checked the sizes.
Fault run_grid(dim3 blocks, dim3 threads, std::size_t shared, const std::function<void()>& body);

// --- for the thread that is running; each may throw a Fault

// The number of this thread within its warp.
int lane();
// The dynamic shared memory of the block.
void* dynamic_shared();

// Waits for every thread of the block that has not ended.
void sync_threads();

// Something that lanes of a warp do together. `act` is called once, when all lanes of `mask` that
// have not ended are there, with what each of them brought (null for a lane that is not there);
// it may throw a Fault.
struct Exchange {
  const char* name;
  void (*act)(unsigned mask, void* const (&lanes)[kWarp]);
};
// Brings `data` to an exchange and returns when it has been done.
void meet(unsigned mask, const Exchange& exchange, void* data);

void sync_warp(unsigned mask);
unsigned ballot(unsigned mask, bool predicate);
std::uint64_t shuffle_bits(unsigned mask, std::uint64_t bits, int source);

// One lane's parts of the matrices of mma.m16n8k8 (tf32) or m16n8k16 (bf16), by PTX's layout.
struct Fragments {
  float* d;                // 4
  const std::uint32_t* a;  // 4
  const std::uint32_t* b;  // 2
};
enum class Factors { tf32, bf16 };
// d += a b, by a whole warp.
void mma(Fragments fragments, Factors factors);

// cp.async: `to` (in shared memory) holds NaNs from now on and its `size` bytes, of which `bytes`
// are read and the rest are zeros, once their group has been waited for.
void copy_async(void* to, const void* from, int size, int bytes);
void commit_copies();
// Waits for all groups of this thread but the newest `pending`.
void wait_copies(int pending);

}  // namespace emulator
