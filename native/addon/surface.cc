#include "surface.h"

#include <dlfcn.h>

#include <cstdint>
#include <stdexcept>

namespace rareface {

std::string own_folder() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<void*>(&own_folder), &info) || !info.dli_fname)
    throw std::runtime_error("the addon cannot find its own folder");
  const std::string path = info.dli_fname;
  return path.substr(0, path.find_last_of('/'));
}

int threads_of(const Napi::Value& value) {
  const int threads = value.As<Napi::Number>().Int32Value();
  require(threads >= 1 && threads <= kMaxThreads, "expected 1 to ", kMaxThreads,
          " threads but received ", threads);
  return threads;
}

Napi::Object opened(Napi::Env env, const std::string& isa, int threads,
                    const std::vector<Precision>& precisions, const KernelList& kernels) {
  const auto& entries = kernels.entries();
  auto names = Napi::Array::New(env, entries.size());
  for (std::uint32_t i = 0; i < entries.size(); ++i) names.Set(i, entries[i].name);
  auto result = Napi::Object::New(env);
  result.Set("isa", isa);
  result.Set("threads", threads);
  auto numbers = Napi::Array::New(env, precisions.size());
  for (std::uint32_t i = 0; i < precisions.size(); ++i)
    numbers.Set(i, static_cast<double>(precisions[i]));
  result.Set("precisions", numbers);
  result.Set("kernels", names);
  return result;
}

}  // namespace rareface
