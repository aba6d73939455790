// Memory of the process that vectors can be loaded from.
#pragma once

#include <cstddef>
#include <memory>

namespace rareface {

// Under AddressSanitizer blocks are as large as asked for and never reused, so that it sees every
// access outside a tensor or after its release.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kExactBlocks = true;
#else
constexpr bool kExactBlocks = false;
#endif

constexpr std::size_t kAlignment = 64;

struct AlignedFree {
  void operator()(void* p) const noexcept;
};
using AlignedBlock = std::unique_ptr<void, AlignedFree>;

// Aligned to kAlignment, uninitialised. Throws std::runtime_error naming the size when there is no
// memory.
AlignedBlock allocate_aligned(std::size_t bytes);

}  // namespace rareface
