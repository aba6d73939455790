// Tensor memory: buffers by integer id, aligned, reused by size class, counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "aligned.h"
#include "device.h"

namespace rareface {

// Gives a block back to the device that it is of, which must still be there.
struct FreeBlock {
  Device* device = nullptr;
  void operator()(void* p) const noexcept { device->free(p); }
};
using Block = std::unique_ptr<void, FreeBlock>;

inline Block allocate_block(Device& device, std::size_t bytes) {
  return {device.allocate(bytes), FreeBlock{&device}};
}

struct MemoryUse {
  std::size_t bytes = 0;         // asked for by live buffers
  std::size_t buffers = 0;       // live
  std::size_t pooled_bytes = 0;  // kept for reuse
  std::size_t peak_bytes = 0;    // largest `bytes` so far
};

// Of a device, which must outlive it. Used from one thread.
class Memory {
 public:
  explicit Memory(Device& device) : device_(device) {}

  // A new buffer; ids start at 1 and are reused. Throws where there is no memory, even with what is
  // pooled given back.
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
    Block block;
    std::size_t bytes = 0;
    std::size_t capacity = 0;
    bool live = false;
    int holds = 0;
  };
  void free(int id);
  Block block_of(std::size_t capacity);

  Device& device_;
  std::vector<Slot> slots_{1};  // id 0 is never given out
  std::vector<int> free_ids_;
  std::unordered_map<std::size_t, std::vector<Block>> pool_;
  MemoryUse use_;
};

}  // namespace rareface
