// Memory that a kernel has while it runs.
#pragma once

#include <utility>
#include <vector>

#include "aligned.h"
#include "memory.h"

namespace rareface {

// Blocks are kept and handed out again in the next call.
class Scratch {
 public:
  // keep: every block given out stays where it is as long as this does, for graphs, which run again
  // what used it.
  explicit Scratch(Device& device, bool keep = false) : device_(device), keep_(keep) {}

  void* take(std::size_t bytes) {
    if (next_ == blocks_.size()) blocks_.emplace_back();
    Entry& entry = blocks_[next_++];
    if (entry.bytes < bytes || kExactBlocks) {
      if (keep_ && entry.block) outgrown_.push_back(std::move(entry.block));
      entry = {};  // free first: the peak matters
      entry = {allocate_block(device_, bytes), bytes};
    }
    return entry.block.get();
  }
  void reset() { next_ = 0; }

 private:
  struct Entry {
    Block block;
    std::size_t bytes = 0;
  };
  Device& device_;
  bool keep_;
  std::vector<Entry> blocks_;
  std::vector<Block> outgrown_;
  std::size_t next_ = 0;
};

// Gives scratch back when a kernel has ended, however it ended.
class ScratchUse {
 public:
  explicit ScratchUse(Scratch& scratch) : scratch_(scratch) {}
  ~ScratchUse() { scratch_.reset(); }
  ScratchUse(const ScratchUse&) = delete;
  ScratchUse& operator=(const ScratchUse&) = delete;

 private:
  Scratch& scratch_;
};

}  // namespace rareface
