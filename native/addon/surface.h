// What parts of the N-API surface share.
#pragma once

#include <napi.h>

#include <string>

#include "../runtime/kernel_library.h"

namespace rareface {

constexpr int kMaxThreads = 256;  // must match ts/backend/threads.ts

// The folder this shared object was loaded from; the kernel libraries lie beside it.
std::string own_folder();

// A number of threads; throws where there cannot be so many.
int threads_of(const Napi::Value& value);

// { isa, threads, bfloat16, kernels }: what a kernel library was opened with.
Napi::Object opened(Napi::Env env, const std::string& isa, int threads, const KernelList& kernels);

// Turns any C++ exception into a JS Error.
template <class F>
auto guarded(Napi::Env env, F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

}  // namespace rareface
