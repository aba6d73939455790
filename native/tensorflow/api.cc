#include "api.h"

#include <dlfcn.h>
#include <link.h>

#include <string_view>
#include <vector>

#include "../runtime/kernel.h"

namespace rareface::tensorflow {
namespace {

// Paths of the loaded libraries of TensorFlow; the C API is in one or the other, by version.
std::vector<std::string> loaded_libraries() {
  std::vector<std::string> paths;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* found) {
        if (std::string_view(info->dlpi_name).find("libtensorflow") != std::string_view::npos)
          static_cast<std::vector<std::string>*>(found)->emplace_back(info->dlpi_name);
        return 0;
      },
      &paths);
  return paths;
}

}  // namespace

Api Api::find() {
  const auto paths = loaded_libraries();
  require(!paths.empty(), "libtensorflow is not loaded in this process");
  std::vector<void*> libraries;
  // A reference more to what is loaded, for good: ops can never be taken back.
  for (const auto& path : paths)
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD)) libraries.push_back(library);
  const auto symbol = [&](const char* name) {
    for (void* library : libraries)
      if (void* found = dlsym(library, name)) return found;
    fail("the libtensorflow of this process has no ", name, " (", paths.front(),
         "); TensorFlow 2.9 or newer has it");
  };
  Api api;
#define RAREFACE_FIND(result, name, arguments) \
  api.name = reinterpret_cast<result(*) arguments>(symbol("TF_" #name));
  RAREFACE_TENSORFLOW_FUNCTIONS(RAREFACE_FIND)
#undef RAREFACE_FIND
  return api;
}

void Status::require_ok() const {
  if (!ok()) fail("TensorFlow: ", api_.Message(get()));
}

}  // namespace rareface::tensorflow
