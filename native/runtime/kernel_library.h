// Finds and opens the kernel library for this processor.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "kernel.h"

namespace rareface {

// All kernels of one library, by number.
class KernelList final : public KernelTable {
 public:
  void add(const char* name, Kernel kernel) override;
  struct Entry {
    std::string name;
    Kernel kernel;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::size_t> by_name_;
};

// The instruction sets this processor can run, best first: "avx512", "avx2", "portable".
std::vector<std::string> supported_isas();

// Whether kernels of this instruction set may be called with Precision::bfloat16 here: whether this
// processor multiplies such numbers faster than float32.
bool supports_bfloat16(const std::string& isa);

// Opens `librareface-cpu-<isa>.so` in `folder` and fills `list`. With an empty `isa` the best that
// is supported and present is taken. Returns the one opened. Libraries stay open for good.
// Throws std::runtime_error that names what was tried.
std::string open_kernel_library(const std::string& folder, const std::string& isa,
                                KernelList& list);

}  // namespace rareface
