// The part of the surface that is about TensorFlow (native/tensorflow).
#pragma once

#include <napi.h>

namespace rareface {

// registerTensorflowOps(isa: string, threads: number) -> what open() gives, and { version } of
// TensorFlow. Once a process: later calls give what the first opened.
Napi::Value register_tensorflow_ops(const Napi::CallbackInfo& info);

// lastTensorflowCall() -> { calls, inputs, outputs, failure }: how many ran so far; of the last,
// the addresses of its tensors, as bigint, and what it threw, or ''.
Napi::Value last_tensorflow_call(Napi::Env env);

}  // namespace rareface
