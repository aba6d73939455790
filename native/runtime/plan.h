// A recorded sequence of kernel calls that runs again in one go: call by call, or as one graph
// where the device records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "device.h"
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
  // (ts/backend/capture/encode.ts). `attrs`: those of all calls, one after the other. `turns`, for
  // devices that record: each call's lane, how many calls of other lanes it waits for, and which;
  // or nothing: one call after the other. `moving`: bindings that are other buffers in every run; a
  // graph works on copies of its own instead. The kernels are the device's. Throws
  // std::runtime_error for what is no plan.
  Plan(std::span<const std::int32_t> calls, std::span<const double> attrs,
       std::span<const std::int32_t> turns, std::span<const std::int32_t> moving,
       const KernelList& list, std::shared_ptr<Device> device);

  // Runs every call, and returns when all are done. Throws std::runtime_error, before anything ran,
  // where a tensor does not fit its binding, and what a kernel throws.
  void run(std::span<const Memory::Buffer> bindings);

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
  // A moving binding's copy, of a device that records.
  struct Moving {
    std::size_t binding;
    bool read, written;  // whether calls read what was there before, and write it
    Block copy;
    std::size_t bytes = 0;
  };

  void read_turns(std::span<const std::int32_t> turns);
  void note_uses(std::span<const std::int32_t> moving);
  // Looks where each operand lies.
  void place(std::span<const Memory::Buffer> bindings);
  void run_call(const Step& step);
  void run_graph(std::span<const Memory::Buffer> bindings);

  std::shared_ptr<Device> device_;
  std::vector<Step> steps_;
  std::vector<Operand> operands_;
  std::vector<View> views_;  // of the operands
  std::vector<double> attrs_;
  std::vector<Turn> turns_;  // of the steps, where the device records
  std::vector<Moving> moving_;
  std::unique_ptr<Graph> graph_;
  std::vector<Memory::Buffer> recorded_;  // what the graph works on
};

}  // namespace rareface
