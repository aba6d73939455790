// What parts of the N-API surface share.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "../runtime/kernel_library.h"

namespace rareface {

constexpr int kMaxThreads = 256;  // must match ts/backend/threads.ts

// The folder this shared object was loaded from; the kernel libraries lie beside it.
std::string own_folder();

// A number of threads; throws where there cannot be so many.
int threads_of(const Napi::Value& value);

// { isa, threads, precisions, kernels }: what a kernel library was opened with; precisions by their
// numbers.
Napi::Object opened(Napi::Env env, const std::string& isa, int threads,
                    const std::vector<Precision>& precisions, const KernelList& kernels);

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
