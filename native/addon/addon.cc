// The N-API surface: thin. Everything behind it is plain C++ (see runtime/).
#include <napi.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../runtime/cpu_host.h"
#include "../runtime/kernel_library.h"
#include "../runtime/memory.h"
#include "../runtime/plan.h"
#include "../runtime/views.h"
#include "replay.h"
#include "surface.h"
#include "tensorflow_surface.h"

namespace rareface {
namespace {

// One per JS environment (the main thread or a worker).
class Addon : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports) {
    DefineAddon(exports, {
                             InstanceMethod("open", &Addon::Open),
                             InstanceMethod("setThreads", &Addon::SetThreads),
                             InstanceMethod("setPrecision", &Addon::SetPrecision),
                             InstanceMethod("allocate", &Addon::Allocate),
                             InstanceMethod("release", &Addon::Release),
                             InstanceMethod("write", &Addon::Write),
                             InstanceMethod("read", &Addon::Read),
                             InstanceMethod("run", &Addon::Run),
                             InstanceMethod("plan", &Addon::MakePlan),
                             InstanceMethod("replay", &Addon::StartReplay),
                             InstanceMethod("memory", &Addon::MemoryUsed),
                             InstanceMethod("trim", &Addon::Trim),
                             InstanceMethod("registerTensorflowOps", &Addon::RegisterTensorflowOps),
                             InstanceMethod("lastTensorflowCall", &Addon::LastTensorflowCall),
                         });
    (void)env;
  }

 private:
  // open(device: string, isa: string, threads: number) -> { device, description, isa, threads,
  // precisions, kernels }. Of a GPU, isa is empty.
  Napi::Value Open(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const std::string kind = info[0].As<Napi::String>();
      const std::string isa = info[1].As<Napi::String>();
      const int threads = threads_of(info[2]);
      if (!device_) kind == "cpu" ? open_cpu(isa, threads) : open_gpu(kind);
      auto result = opened(info.Env(), isa_, cpu_ ? cpu_->threads() : 1, precisions_, kernels_);
      result.Set("device", kind_);
      result.Set("description", device_->description());
      return result;
    });
  }

  void open_cpu(const std::string& isa, int threads) {
    KernelList list;
    isa_ = open_kernel_library(own_folder(), isa, list);
    auto host = std::make_shared<CpuHost>(threads);
    cpu_ = host.get();
    use("cpu", std::move(host), std::move(list), supported_precisions(isa_));
  }

  void open_gpu(const std::string& kind) {
    KernelList list;
    auto device = rareface::open_gpu(own_folder(), kind, 0, list);
    use(kind, std::move(device), std::move(list),
        {Precision::float32, Precision::bfloat16, Precision::tf32});
  }

  void use(const std::string& kind, std::shared_ptr<Device> device, KernelList list,
           std::vector<Precision> precisions) {
    kind_ = kind;
    device_ = std::move(device);
    memory_.emplace(*device_);
    kernels_ = std::move(list);
    precisions_ = std::move(precisions);
  }

  void SetThreads(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      replays_.wait();
      device();
      require(cpu_, "kernels run on ", device_->description(), ", not on threads");
      cpu_->resize(threads_of(info[0]));
    });
  }

  // setPrecision(number): of the calls from now on, see Precision
  void SetPrecision(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      const Precision precision = precision_of(info[0].As<Napi::Number>().Int32Value());
      device();
      require(std::ranges::find(precisions_, precision) != precisions_.end(),
              device_->description(), " has no such precision");
      precision_ = precision;
    });
  }

  // allocate(bytes) -> id
  Napi::Value Allocate(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const auto bytes = static_cast<std::size_t>(info[0].As<Napi::Number>().Int64Value());
      const int id = memory().allocate(bytes);
      report(info.Env());
      return Napi::Number::New(info.Env(), id);
    });
  }

  void Release(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      memory().release(info[0].As<Napi::Number>().Int32Value());
      report(info.Env());
    });
  }

  // write(id, typedArray): the whole buffer
  void Write(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      const auto buffer = buffer_of(info[0]);
      const auto array = info[1].As<Napi::TypedArray>();
      require(array.ByteLength() == buffer.bytes, "write of ", array.ByteLength(),
              " bytes to a buffer of ", buffer.bytes);
      if (buffer.bytes == 0) return;
      device_->write(buffer.data,
                     static_cast<const std::byte*>(array.ArrayBuffer().Data()) + array.ByteOffset(),
                     buffer.bytes);
    });
  }

  // read(id) -> ArrayBuffer with a copy
  Napi::Value Read(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      // Whose replay goes wrong is to hear of it, not who reads something else meanwhile.
      if (device().records()) replays_.wait();
      const auto buffer = buffer_of(info[0]);
      auto copy = Napi::ArrayBuffer::New(info.Env(), buffer.bytes);
      if (buffer.bytes) device_->read(copy.Data(), buffer.data, buffer.bytes);
      return copy;
    });
  }

  // A buffer that no replay is at work on.
  Memory::Buffer buffer_of(const Napi::Value& value) {
    const int id = value.As<Napi::Number>().Int32Value();
    if (memory().held(id)) replays_.wait();
    return memory().at(id);
  }

  // run(kernel, operands, attrs, attrCount). Operands: [inputs, outputs, then for each
  // id, dtype, rank, dims...]; what follows is not read.
  void Run(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      Device& device = this->device();
      replays_.wait();
      const auto number = static_cast<std::size_t>(info[0].As<Napi::Number>().Int32Value());
      const auto operands = info[1].As<Napi::Int32Array>();
      const auto attrs = info[2].As<Napi::Float64Array>();
      require(number < kernels_.entries().size(), "no kernel has the number ", number);
      const auto& entry = kernels_.entries()[number];

      Numbers next(std::span(operands.Data(), operands.ElementLength()));
      const int inputs = next.take_count();
      const int outputs = next.take_count();
      views_.clear();
      for (std::int64_t i = 0; i < std::int64_t{inputs} + outputs; ++i)
        views_.push_back(read_view(next));

      Call call;
      call.kernel = entry.name.c_str();
      call.bind(views_.data(), inputs, outputs);
      call.precision = precision_;
      call.attrs = attrs.Data();
      call.attr_count = info[3].As<Napi::Number>().Int32Value();
      require(call.attr_count >= 0 &&
                  static_cast<std::size_t>(call.attr_count) <= attrs.ElementLength(),
              "there are no ", call.attr_count, " attributes");
      device.run(entry.kernel, call);
    });
  }

  View read_view(Numbers& numbers) {
    const auto buffer = memory().at(numbers.take());
    View view = take_view(numbers);
    require_fit(view, buffer.bytes);
    view.data = buffer.data;
    return view;
  }

  // plan(calls: Int32Array, attrs: Float64Array, turns: Int32Array, moving: Int32Array) -> Plan (an
  // opaque object)
  Napi::Value MakePlan(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      device();
      const auto calls = info[0].As<Napi::Int32Array>();
      const auto attrs = info[1].As<Napi::Float64Array>();
      const auto turns = info[2].As<Napi::Int32Array>();
      const auto moving = info[3].As<Napi::Int32Array>();
      auto plan = std::make_shared<Plan>(std::span(calls.Data(), calls.ElementLength()),
                                         std::span(attrs.Data(), attrs.ElementLength()),
                                         std::span(turns.Data(), turns.ElementLength()),
                                         std::span(moving.Data(), moving.ElementLength()), kernels_,
                                         device_);
      return Napi::External<PlanHandle>::New(info.Env(), new PlanHandle(std::move(plan)),
                                             [](Napi::Env, PlanHandle* handle) { delete handle; });
    });
  }

  // replay(plan, bindings: Int32Array of buffer ids) -> Promise<void>. The buffers keep their
  // memory until it is done, though they be released.
  Napi::Value StartReplay(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const auto plan = *info[0].As<Napi::External<PlanHandle>>().Data();
      const auto ids = info[1].As<Napi::Int32Array>();
      return replays_.start(info.Env(), plan, std::span(ids.Data(), ids.ElementLength()), memory());
    });
  }

  Napi::Value MemoryUsed(const Napi::CallbackInfo& info) {
    const MemoryUse use = memory().use();
    auto result = Napi::Object::New(info.Env());
    result.Set("bytes", static_cast<double>(use.bytes));
    result.Set("buffers", static_cast<double>(use.buffers));
    result.Set("pooledBytes", static_cast<double>(use.pooled_bytes));
    result.Set("peakBytes", static_cast<double>(use.peak_bytes));
    return result;
  }

  void Trim(const Napi::CallbackInfo& info) {
    memory().trim();
    report(info.Env());
  }

  Napi::Value RegisterTensorflowOps(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return register_tensorflow_ops(info); });
  }

  Napi::Value LastTensorflowCall(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return last_tensorflow_call(info.Env()); });
  }

  Device& device() {
    if (!device_) throw std::runtime_error("the backend is not open");
    return *device_;
  }
  Memory& memory() {
    device();
    return *memory_;
  }

  // Tells V8 how much it holds through us, in steps: each call costs. What is pooled counts as
  // well: or a step that takes and gives back would look like garbage piling up, and V8 collect in
  // vain.
  void report(Napi::Env env) {
    constexpr std::int64_t kStep = 1 << 24;
    const MemoryUse use = memory().use();
    const auto held = static_cast<std::int64_t>(use.bytes + use.pooled_bytes);
    if (held - reported_ < kStep && reported_ - held < kStep) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, held - reported_);
    reported_ = held;
  }

  std::string kind_, isa_;
  std::shared_ptr<Device> device_;
  CpuHost* cpu_ = nullptr;  // the device, where it is the CPU
  std::optional<Memory> memory_;
  KernelList kernels_;
  std::vector<Precision> precisions_;
  Precision precision_ = Precision::float32;
  Replays replays_;
  std::vector<View> views_;
  std::int64_t reported_ = 0;
};

}  // namespace

NODE_API_ADDON(Addon)

}  // namespace rareface
