#include "kernel_library.h"

#include <dlfcn.h>

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

bool supports_bfloat16([[maybe_unused]] const std::string& isa) {
#if defined(__x86_64__)
  return isa == "avx512" && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

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
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!library) {
      tried += std::string("\n  ") + dlerror();
      continue;
    }
    auto* enter = reinterpret_cast<rareface_register_fn>(dlsym(library, "rareface_register"));
    if (!enter) fail(path, " exports no rareface_register");
    enter(&list);
    return name;
  }
  fail("no kernel library could be opened:", tried);
}

}  // namespace rareface
