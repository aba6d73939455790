#include "aligned.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace rareface {

void AlignedFree::operator()(void* p) const noexcept { std::free(p); }

AlignedBlock allocate_aligned(std::size_t bytes) {
  void* p = nullptr;
  if (posix_memalign(&p, kAlignment, std::max<std::size_t>(bytes, 1)) != 0)
    throw std::runtime_error("out of memory: no room for " + std::to_string(bytes) + " bytes");
  return AlignedBlock(p);
}

}  // namespace rareface
