#include "tensorflow_surface.h"

#include <cstdint>
#include <string>
#include <vector>

#include "../tensorflow/ops.h"
#include "surface.h"

namespace rareface {

Napi::Value register_tensorflow_ops(const Napi::CallbackInfo& info) {
  const std::string isa = info[0].As<Napi::String>();
  const auto& ops = tensorflow::Ops::open(own_folder(), isa, threads_of(info[1]));
  auto result = opened(info.Env(), ops.isa(), ops.threads(), {Precision::float32}, ops.kernels());
  result.Set("version", ops.version());
  return result;
}

Napi::Value last_tensorflow_call(Napi::Env env) {
  const auto* ops = tensorflow::Ops::opened();
  require(ops, "the ops are not registered with TensorFlow");
  const auto last = ops->last_call();
  const auto addresses = [env](const std::vector<const void*>& pointers) {
    auto list = Napi::Array::New(env, pointers.size());
    for (std::uint32_t i = 0; i < pointers.size(); ++i)
      list.Set(i, Napi::BigInt::New(env, static_cast<std::uint64_t>(
                                             reinterpret_cast<std::uintptr_t>(pointers[i]))));
    return list;
  };
  auto result = Napi::Object::New(env);
  result.Set("calls", static_cast<double>(last.calls));
  result.Set("inputs", addresses(last.inputs));
  result.Set("outputs", addresses(last.outputs));
  result.Set("failure", last.failure);
  return result;
}

}  // namespace rareface
