#include "ops.h"

#include <cstddef>
#include <limits>
#include <new>

#include "../runtime/views.h"

namespace rareface::tensorflow {
namespace {

constexpr const char* kPrefix = "Rareface";

std::mutex opening;
// Made before any op is, and never changed after that: TensorFlow's calls read it without a lock.
std::unique_ptr<Ops> ops;
bool registered = false;

}  // namespace

Ops& Ops::open(const std::string& folder, const std::string& isa, int threads) {
  const std::lock_guard lock(opening);
  if (registered) return *ops;
  require(!ops, "TensorFlow refused one of the ops before");
  std::unique_ptr<Ops> made(new Ops(folder, isa, threads));  // its constructor is private
  for (const auto& entry : made->kernels_.entries())
    require(!made->has_op(kPrefix + entry.name),
            "another copy of this addon has registered its ops with TensorFlow in this process");
  ops = std::move(made);
  for (const auto& entry : ops->kernels_.entries()) ops->register_op(kPrefix + entry.name);
  registered = true;
  return *ops;
}

Ops* Ops::opened() {
  const std::lock_guard lock(opening);
  return registered ? ops.get() : nullptr;
}

void Ops::unknown_shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  ops->api_.ShapeInferenceContextSetUnknownShape(context, status);
}

Ops::Ops(const std::string& folder, const std::string& isa, int threads)
    : api_(Api::find()), isa_(open_kernel_library(folder, isa, kernels_)), host_(threads) {}

// TensorFlow ends the process where an op is registered twice.
bool Ops::has_op(const std::string& name) const {
  struct Buffer {  // TF_Buffer, as its header has it
    const void* data;
    std::size_t length;
  };
  const Status status(api_);
  const std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> list(
      api_.GetRegisteredKernelsForOp(name.c_str(), status.get()), api_.DeleteBuffer);
  return status.ok() && list && reinterpret_cast<const Buffer*>(list.get())->length > 0;
}

void Ops::register_op(const std::string& name) const {
  auto* definition = api_.NewOpDefinitionBuilder(name.c_str());
  api_.OpDefinitionBuilderAddAttr(definition, "N: int >= 0");
  api_.OpDefinitionBuilderAddAttr(definition, "M: int >= 1");
  api_.OpDefinitionBuilderAddInput(definition, "call: int32");
  api_.OpDefinitionBuilderAddInput(definition, "inputs: N * float");
  api_.OpDefinitionBuilderAddOutput(definition, "outputs: M * float");
  api_.OpDefinitionBuilderSetShapeInferenceFunction(definition, unknown_shapes);
  const Status status(api_);
  api_.RegisterOpDefinition(definition, status.get());  // takes the builder, as the next does
  status.require_ok();
  auto* kernel = api_.NewKernelBuilder(
      name.c_str(), "CPU", [](TF_OpKernelConstruction*) -> void* { return nullptr; }, compute,
      [](void*) {});
  api_.KernelBuilder_HostMemory(kernel, "call");
  api_.RegisterKernelBuilder(name.c_str(), kernel, status.get());
  status.require_ok();
}

void Ops::compute(void*, TF_OpKernelContext* context) { ops->run(context); }

void Ops::run(TF_OpKernelContext* context) {
  const std::lock_guard lock(running_);
  Status status(api_);
  failure_.clear();
  try {
    run_kernel(context);
  } catch (const std::bad_alloc&) {
    failure_ = "there is not enough memory";
    status.set(kResourceExhausted, failure_);
  } catch (const std::exception& error) {
    failure_ = error.what();
    status.set(kInvalidArgument, failure_);
  }
  tensors_.clear();
  if (!status.ok()) api_.OpKernelContext_Failure(context, status.get());
}

void Ops::run_kernel(TF_OpKernelContext* context) {
  {
    const TensorHandle numbers = input(context, 0, kInt32);
    call_.read({static_cast<const std::int32_t*>(api_.TensorData(numbers.get())),
                api_.TensorByteSize(numbers.get()) / sizeof(std::int32_t)});
  }
  const auto& entries = kernels_.entries();
  require(call_.kernel < entries.size(), "no kernel has the number ", call_.kernel);
  const auto& entry = entries[call_.kernel];
  require(call_.inputs + 1 == api_.NumInputs(context) && call_.outputs == api_.NumOutputs(context),
          entry.name, " was called on ", api_.NumInputs(context) - 1, " and ",
          api_.NumOutputs(context), " tensors, but the call tells of ", call_.inputs, " and ",
          call_.outputs);

  Status status(api_);
  for (int i = 0; i < call_.inputs + call_.outputs; ++i) {
    View& view = call_.views[static_cast<std::size_t>(i)];
    require(view.dtype == DType::float32, "ops are for float32 tensors, not ", describe(view));
    if (i < call_.inputs) {
      tensors_.push_back(input(context, 1 + i, kFloat));
    } else {
      // TensorFlow ends the process over a shape that is none.
      for (int axis = 0; axis < view.rank; ++axis)
        require(view.dims[axis] >= 0, "a size of ", describe(view), " is negative");
      require_fit(view, std::numeric_limits<std::ptrdiff_t>::max());
      const auto bytes = static_cast<std::size_t>(view.size()) * size_of(view.dtype);
      tensors_.emplace_back(api_.AllocateOutput(context, i - call_.inputs, kFloat, view.dims,
                                                view.rank, bytes, status.get()),
                            api_.DeleteTensor);
      status.require_ok();
    }
    require_fit(view, api_.TensorByteSize(tensors_.back().get()));
    view.data = api_.TensorData(tensors_.back().get());
  }

  Call call;
  call.kernel = entry.name.c_str();
  call.bind(call_.views.data(), call_.inputs, call_.outputs);
  call.attrs = call_.attrs.data();
  call.attr_count = static_cast<int>(call_.attrs.size());
  call.precision = call_.precision;
  ++calls_;
  host_.run(entry.kernel, call);
}

TensorHandle Ops::input(TF_OpKernelContext* context, int i, DataType type) const {
  const Status status(api_);
  TF_Tensor* tensor = nullptr;
  api_.GetInput(context, i, &tensor, status.get());
  status.require_ok();
  TensorHandle handle(tensor, api_.DeleteTensor);
  require(api_.TensorType(tensor) == type, "input ", i, " has another dtype");
  return handle;
}

LastCall Ops::last_call() const {
  const std::lock_guard lock(running_);
  LastCall last{.calls = calls_, .inputs = {}, .outputs = {}, .failure = failure_};
  for (int i = 0; i < static_cast<int>(call_.views.size()); ++i)
    (i < call_.inputs ? last.inputs : last.outputs)
        .push_back(call_.views[static_cast<std::size_t>(i)].data);
  return last;
}

}  // namespace rareface::tensorflow
