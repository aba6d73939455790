#include "memory.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace rareface {
namespace {

// Four classes a power of two: at most a quarter of a block is unused.
std::size_t capacity_for(std::size_t bytes) {
  if (kExactBlocks) return bytes;
  const std::size_t wanted = std::max<std::size_t>(bytes, kAlignment);
  const std::size_t step = std::max<std::size_t>(std::bit_floor(wanted) / 4, kAlignment);
  return (wanted + step - 1) / step * step;
}

}  // namespace

Block Memory::block_of(std::size_t capacity) {
  if (auto& kept = pool_[capacity]; !kept.empty()) {
    Block block = std::move(kept.back());
    kept.pop_back();
    use_.pooled_bytes -= capacity;
    return block;
  }
  try {
    return allocate_block(device_, capacity);
  } catch (const std::runtime_error&) {
    if (use_.pooled_bytes == 0) throw;
    trim();
    return allocate_block(device_, capacity);
  }
}

int Memory::allocate(std::size_t bytes) {
  const std::size_t capacity = capacity_for(bytes);
  Block block = block_of(capacity);
  int id = 0;
  if (free_ids_.empty()) {
    id = static_cast<int>(slots_.size());
    slots_.emplace_back();
  } else {
    id = free_ids_.back();
    free_ids_.pop_back();
  }
  slots_[static_cast<std::size_t>(id)] = {std::move(block), bytes, capacity, true, 0};
  use_.bytes += bytes;
  use_.buffers += 1;
  use_.peak_bytes = std::max(use_.peak_bytes, use_.bytes);
  return id;
}

void Memory::release(int id) {
  at(id);
  Slot& slot = slots_[static_cast<std::size_t>(id)];
  slot.live = false;
  if (slot.holds == 0) free(id);
}

Memory::Buffer Memory::hold(int id) {
  const Buffer buffer = at(id);
  ++slots_[static_cast<std::size_t>(id)].holds;
  return buffer;
}

void Memory::let_go(int id) {
  Slot& slot = slots_.at(static_cast<std::size_t>(id));
  if (--slot.holds == 0 && !slot.live) free(id);
}

bool Memory::held(int id) const {
  const auto i = static_cast<std::size_t>(id);
  return id > 0 && i < slots_.size() && slots_[i].holds > 0;
}

void Memory::free(int id) {
  Slot& slot = slots_[static_cast<std::size_t>(id)];
  use_.bytes -= slot.bytes;
  use_.buffers -= 1;
  if (!kExactBlocks) {
    use_.pooled_bytes += slot.capacity;
    pool_[slot.capacity].push_back(std::move(slot.block));
  }
  slot = {};
  free_ids_.push_back(id);
}

Memory::Buffer Memory::at(int id) const {
  const auto i = static_cast<std::size_t>(id);
  if (id <= 0 || i >= slots_.size() || !slots_[i].live)
    throw std::runtime_error("no live buffer has the id " + std::to_string(id));
  return {slots_[i].block.get(), slots_[i].bytes};
}

void Memory::trim() {
  pool_.clear();
  use_.pooled_bytes = 0;
}

}  // namespace rareface
