// Finds and opens kernel libraries: the one for this processor, or one for a GPU.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "device.h"
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

// With which precisions kernels of this instruction set may be called here: bfloat16 where this
// processor multiplies such numbers faster than float32.
std::vector<Precision> supported_precisions(const std::string& isa);

// Opens `librareface-cpu-<isa>.so` in `folder` and fills `list`. With an empty `isa` the best that
// is supported and present is taken. Returns the one opened. Libraries stay open for good.
// Throws std::runtime_error that names what was tried.
std::string open_kernel_library(const std::string& folder, const std::string& isa,
                                KernelList& list);

// Opens `librareface-<kind>.so` in `folder`, fills `list` and starts the GPU with this number.
// Throws std::runtime_error with a remedy where there is no such library or GPU.
std::shared_ptr<Device> open_gpu(const std::string& folder, const std::string& kind, int number,
                                 KernelList& list);

}  // namespace rareface
