// A recorded sequence of kernel calls that runs again in one go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu_host.h"
#include "kernel_library.h"
#include "memory.h"

namespace rareface {

// Calls over numbered bindings: an operand names a binding and where in it the tensor starts, so
// that one buffer can hold all that lives only during a run. What the bindings are is said anew for
// every run.
class Plan {
 public:
  // `calls`: for each call its kernel's number, its precision's, inputs, outputs and attributes
  // (how many), then for each operand binding, offset / kOffsetUnit, dtype, rank, dims...
  // (ts/backend/capture/encode.ts). `attrs`: those of all calls, one after the other. Throws
  // std::runtime_error for what is no plan.
  Plan(std::span<const std::int32_t> calls, std::span<const double> attrs, const KernelList& list);

  // Runs every call. Throws std::runtime_error, before anything ran, where a tensor does not fit
  // its binding, and what a kernel throws.
  void run(std::span<const Memory::Buffer> bindings, CpuHost& host);

  static constexpr std::int64_t kOffsetUnit = 64;  // bytes: every tensor is aligned as a buffer is

 private:
  struct Operand {
    std::size_t binding;
    std::size_t offset;  // bytes
  };
  struct Step {
    const KernelList::Entry* kernel;
    std::size_t first_operand;
    Precision precision;
    int inputs, outputs;
    std::size_t first_attr;
    int attrs;
  };

  std::vector<Step> steps_;
  std::vector<Operand> operands_;
  std::vector<View> views_;  // of the operands
  std::vector<double> attrs_;
};

}  // namespace rareface
