// Memory of the device, as the rest of the emulator sees it.
#pragma once

namespace emulator {

// Whether the device can use this address: within a block, or at its end.
bool on_device(const void* address);

// Opens the device's memory for a scope. AddressSanitizer reports whoever touches it at other
// times, which on a GPU is a crash.
class Access {
 public:
  Access();
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;
};

}  // namespace emulator
