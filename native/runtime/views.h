// How the TypeScript side names tensors and calls: in runs of int32.
#pragma once

#include <cstdint>
#include <span>

#include "kernel.h"

namespace rareface {

// Reads int32s one after the other; throws where they end too early.
class Numbers {
 public:
  explicit Numbers(std::span<const std::int32_t> numbers) : rest_(numbers) {}
  bool empty() const { return rest_.empty(); }
  std::int32_t take() {
    require(!rest_.empty(), "the operands end too early");
    const std::int32_t next = rest_.front();
    rest_ = rest_.subspan(1);
    return next;
  }
  // How many of something follow.
  int take_count() {
    const std::int32_t count = take();
    require(count >= 0, "there cannot be ", count, " operands or attributes");
    return count;
  }

 private:
  std::span<const std::int32_t> rest_;
};

// Throws where no precision has this number.
Precision precision_of(std::int32_t number);

// Reads dtype, rank, dims...; `data` stays null.
View take_view(Numbers& numbers);

// Throws where a tensor needs more than `bytes`.
void require_fit(const View& view, std::size_t bytes);

}  // namespace rareface
