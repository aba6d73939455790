// Tensor memory: buffers by integer id, aligned, reused by size class, counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace rareface {

// Under AddressSanitizer blocks are as large as asked for and never reused, so that it sees every
// access outside a tensor or after its release.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kExactBlocks = true;
#else
constexpr bool kExactBlocks = false;
#endif

struct AlignedFree {
  void operator()(void* p) const;
};
using AlignedBlock = std::unique_ptr<void, AlignedFree>;

// 64-byte aligned, uninitialised. Throws std::runtime_error naming the size when there is no
// memory.
AlignedBlock allocate_aligned(std::size_t bytes);

struct MemoryUse {
  std::size_t bytes = 0;         // asked for by live buffers
  std::size_t buffers = 0;       // live
  std::size_t pooled_bytes = 0;  // kept for reuse
  std::size_t peak_bytes = 0;    // largest `bytes` so far
};

// Used from one thread.
class Memory {
 public:
  // A new buffer; ids start at 1 and are reused.
  int allocate(std::size_t bytes);
  void release(int id);

  struct Buffer {
    void* data;
    std::size_t bytes;
  };
  // Throws for an id that is not live.
  Buffer at(int id) const;

  // Keeps the memory of a live buffer where it is, though it be released, until it is let go as
  // often as it was held.
  Buffer hold(int id);
  void let_go(int id);
  bool held(int id) const;

  MemoryUse use() const { return use_; }
  // Gives pooled blocks back to the system.
  void trim();

 private:
  struct Slot {
    AlignedBlock block;
    std::size_t bytes = 0;
    std::size_t capacity = 0;
    bool live = false;
    int holds = 0;
  };
  void free(int id);
  std::vector<Slot> slots_{1};  // id 0 is never given out
  std::vector<int> free_ids_;
  std::unordered_map<std::size_t, std::vector<AlignedBlock>> pool_;
  MemoryUse use_;
};

}  // namespace rareface
