// The kernels of a kernel library as TensorFlow ops, on TensorFlow's own tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../runtime/cpu_host.h"
#include "../runtime/kernel_library.h"
#include "api.h"
#include "encoded_call.h"

namespace rareface::tensorflow {

// What the op that ran last was called on.
struct LastCall {
  std::uint64_t calls = 0;  // so far
  std::vector<const void*> inputs, outputs;
  std::string failure;  // what it threw, whole
};

// Ops of TensorFlow are the process's and can never be taken back, so there is one of these, made
// at the first demand. An op "Rareface<kernel>" exists for each kernel, for device CPU, with
//   call: int32, inputs: N * float -> outputs: M * float
// where `call` is an EncodedCall. Its kernel works on TensorFlow's buffers, on a thread pool of its
// own; calls from several JavaScript threads wait for each other.
class Ops {
 public:
  // Later calls give what the first made. Throws std::runtime_error where no libtensorflow is
  // loaded, no kernel library opens, or another copy of this addon has registered its ops.
  static Ops& open(const std::string& folder, const std::string& isa, int threads);

  // Null before `open`.
  static Ops* opened();

  const std::string& isa() const { return isa_; }
  const KernelList& kernels() const { return kernels_; }
  int threads() const { return host_.threads(); }
  std::string version() const { return api_.Version(); }
  LastCall last_call() const;

 private:
  Ops(const std::string& folder, const std::string& isa, int threads);

  bool has_op(const std::string& name) const;
  void register_op(const std::string& name) const;
  static void unknown_shapes(TF_ShapeInferenceContext* context, TF_Status* status);
  static void compute(void* kernel, TF_OpKernelContext* context);
  void run(TF_OpKernelContext* context);
  void run_kernel(TF_OpKernelContext* context);
  TensorHandle input(TF_OpKernelContext* context, int i, DataType type) const;

  const Api api_;
  KernelList kernels_;
  std::string isa_;

  mutable std::mutex running_;  // guards what follows
  CpuHost host_;
  EncodedCall call_;
  std::vector<TensorHandle> tensors_;
  std::uint64_t calls_ = 0;
  std::string failure_;
};

}  // namespace rareface::tensorflow
