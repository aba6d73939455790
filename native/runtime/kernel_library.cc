#include "kernel_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>

namespace rareface {

void KernelList::add(const char* name, Kernel kernel) {
  if (!by_name_.emplace(name, entries_.size()).second)
    throw std::runtime_error(std::string("kernel registered twice: ") + name);
  entries_.push_back({name, kernel});
}

std::vector<std::string> supported_isas() {
  std::vector<std::string> isas;
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    isas.emplace_back("avx512");
  if (avx2) isas.emplace_back("avx2");
#endif
  isas.emplace_back("portable");
  return isas;
}

std::vector<Precision> supported_precisions([[maybe_unused]] const std::string& isa) {
#if defined(__x86_64__)
  if (isa == "avx512" && __builtin_cpu_supports("avx512bf16"))
    return {Precision::float32, Precision::bfloat16};
#endif
  return {Precision::float32};
}

namespace {

// Libraries stay open for good. Null where it cannot be opened; dlerror() says why.
void* open(const std::string& path) {
  return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
}

template <class Function>
Function symbol(void* library, const std::string& path, const char* name) {
  auto* found = reinterpret_cast<Function>(dlsym(library, name));
  if (!found) fail(path, " exports no ", name);
  return found;
}

}  // namespace

std::string open_kernel_library(const std::string& folder, const std::string& isa,
                                KernelList& list) {
  auto isas = supported_isas();
  if (!isa.empty()) {
    if (std::find(isas.begin(), isas.end(), isa) == isas.end())
      fail("this processor cannot run the instruction set '", isa, "' (it can run: ", isas.front(),
           ")");
    isas = {isa};
  }
  std::string tried;
  for (const auto& name : isas) {
    const std::string path = folder + "/librareface-cpu-" + name + ".so";
    void* library = open(path);
    if (!library) {
      tried += std::string("\n  ") + dlerror();
      continue;
    }
    symbol<rareface_register_fn>(library, path, "rareface_register")(&list);
    return name;
  }
  fail("no kernel library could be opened:", tried);
}

std::shared_ptr<Device> open_gpu(const std::string& folder, const std::string& kind, int number,
                                 KernelList& list) {
  const std::string path = folder + "/librareface-" + kind + ".so";
  if (access(path.c_str(), F_OK) != 0)
    fail("this addon was built without ", kind, " kernels: there is no ", path);
  void* library = open(path);
  if (!library) fail("the ", kind, " kernels could not be opened: ", dlerror());
  std::shared_ptr<Device> device =
      symbol<rareface_open_device_fn>(library, path, "rareface_open_device")(number);
  symbol<rareface_register_fn>(library, path, "rareface_register")(&list);
  return device;
}

}  // namespace rareface
