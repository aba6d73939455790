// Scratch that a kernel takes again and again for like products, one after the other: on a GPU,
// too, where they run in the order of the stream.
#pragma once

#include <cstddef>
#include <vector>

#include "kernel.h"

namespace rareface {

class ReusedScratch final : public Host {
 public:
  explicit ReusedScratch(Host& host) : host_(host) {}
  int threads() const override { return host_.threads(); }
  Precision precision() const override { return host_.precision(); }
  void parallel(std::int64_t count, Body body) override { host_.parallel(count, body); }
  void aside(const std::function<void(Host&)>& work) override { host_.aside(work); }
  void* stream() const override { return host_.stream(); }
  std::int32_t* flags() const override { return host_.flags(); }
  std::uint32_t* counters() const override { return host_.counters(); }
  void* scratch(std::size_t bytes) override {
    if (next_ == blocks_.size()) blocks_.push_back({});
    Block& block = blocks_[next_++];
    if (!block.memory || block.bytes < bytes) block = {host_.scratch(bytes), bytes};
    return block.memory;
  }
  // What was handed out may be handed out again.
  void rewind() { next_ = 0; }

 private:
  struct Block {
    void* memory = nullptr;
    std::size_t bytes = 0;
  };
  Host& host_;
  std::vector<Block> blocks_;
  std::size_t next_ = 0;
};

}  // namespace rareface
