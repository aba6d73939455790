// The N-API surface: thin. Everything behind it is plain C++ (see runtime/).
#include <napi.h>

#include <cstring>
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
  // open(isa: string, threads: number) -> { isa, threads, bfloat16, kernels }
  Napi::Value Open(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const std::string isa = info[0].As<Napi::String>();
      const int threads = threads_of(info[1]);
      if (!host_) {
        KernelList list;
        isa_ = open_kernel_library(own_folder(), isa, list);
        kernels_ = std::move(list);
        host_.emplace(threads);
      }
      return opened(info.Env(), isa_, host_->threads(), kernels_);
    });
  }

  void SetThreads(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      replays_.wait();
      host().resize(threads_of(info[0]));
    });
  }

  // setPrecision(number): of the calls from now on, see Precision
  void SetPrecision(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      const Precision precision = precision_of(info[0].As<Napi::Number>().Int32Value());
      require(precision == Precision::float32 || supports_bfloat16(isa_), "the ", isa_,
              " kernels have no bfloat16 on this processor");
      precision_ = precision;
    });
  }

  // allocate(bytes) -> id
  Napi::Value Allocate(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const auto bytes = static_cast<std::size_t>(info[0].As<Napi::Number>().Int64Value());
      const int id = memory_.allocate(bytes);
      report(info.Env());
      return Napi::Number::New(info.Env(), id);
    });
  }

  void Release(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      memory_.release(info[0].As<Napi::Number>().Int32Value());
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
      std::memcpy(buffer.data,
                  static_cast<const std::byte*>(array.ArrayBuffer().Data()) + array.ByteOffset(),
                  buffer.bytes);
    });
  }

  // read(id) -> ArrayBuffer with a copy
  Napi::Value Read(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const auto buffer = buffer_of(info[0]);
      auto copy = Napi::ArrayBuffer::New(info.Env(), buffer.bytes);
      if (buffer.bytes) std::memcpy(copy.Data(), buffer.data, buffer.bytes);
      return copy;
    });
  }

  // A buffer that no replay is at work on.
  Memory::Buffer buffer_of(const Napi::Value& value) {
    const int id = value.As<Napi::Number>().Int32Value();
    if (memory_.held(id)) replays_.wait();
    return memory_.at(id);
  }

  // run(kernel, operands, attrs, attrCount). Operands: [inputs, outputs, then for each
  // id, dtype, rank, dims...]; what follows is not read.
  void Run(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      CpuHost& host = this->host();
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
      host.run(entry.kernel, call);
    });
  }

  View read_view(Numbers& numbers) {
    const auto buffer = memory_.at(numbers.take());
    View view = take_view(numbers);
    require_fit(view, buffer.bytes);
    view.data = buffer.data;
    return view;
  }

  // plan(calls: Int32Array, attrs: Float64Array) -> Plan (an opaque object)
  Napi::Value MakePlan(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      host();
      const auto calls = info[0].As<Napi::Int32Array>();
      const auto attrs = info[1].As<Napi::Float64Array>();
      auto plan = std::make_shared<Plan>(std::span(calls.Data(), calls.ElementLength()),
                                         std::span(attrs.Data(), attrs.ElementLength()), kernels_);
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
      return replays_.start(info.Env(), plan, std::span(ids.Data(), ids.ElementLength()), memory_,
                            host());
    });
  }

  Napi::Value MemoryUsed(const Napi::CallbackInfo& info) {
    const MemoryUse use = memory_.use();
    auto result = Napi::Object::New(info.Env());
    result.Set("bytes", static_cast<double>(use.bytes));
    result.Set("buffers", static_cast<double>(use.buffers));
    result.Set("pooledBytes", static_cast<double>(use.pooled_bytes));
    result.Set("peakBytes", static_cast<double>(use.peak_bytes));
    return result;
  }

  void Trim(const Napi::CallbackInfo& info) {
    memory_.trim();
    report(info.Env());
  }

  Napi::Value RegisterTensorflowOps(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return register_tensorflow_ops(info); });
  }

  Napi::Value LastTensorflowCall(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return last_tensorflow_call(info.Env()); });
  }

  CpuHost& host() {
    if (!host_) throw std::runtime_error("the backend is not open");
    return *host_;
  }

  // Tells V8 how much it holds through us, in steps: each call costs. What is pooled counts as
  // well: or a step that takes and gives back would look like garbage piling up, and V8 collect in
  // vain.
  void report(Napi::Env env) {
    constexpr std::int64_t kStep = 1 << 24;
    const MemoryUse use = memory_.use();
    const auto held = static_cast<std::int64_t>(use.bytes + use.pooled_bytes);
    if (held - reported_ < kStep && reported_ - held < kStep) return;
    Napi::MemoryManagement::AdjustExternalMemory(env, held - reported_);
    reported_ = held;
  }

  Memory memory_;
  KernelList kernels_;
  std::string isa_;
  std::optional<CpuHost> host_;
  Precision precision_ = Precision::float32;
  Replays replays_;
  std::vector<View> views_;
  std::int64_t reported_ = 0;
};

}  // namespace

NODE_API_ADDON(Addon)

}  // namespace rareface
