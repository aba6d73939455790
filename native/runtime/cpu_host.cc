#include "cpu_host.h"

#include <cstring>

namespace rareface {

std::string CpuHost::description() const {
  return "the CPU, " + std::to_string(threads()) + " threads";
}

void CpuHost::write(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

void CpuHost::call(Kernel kernel, Call& call) {
  const ScratchUse use(scratch_);
  call.host = this;
  precision_ = call.precision;
  kernel(call);
}

}  // namespace rareface
