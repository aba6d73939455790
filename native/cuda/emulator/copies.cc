#include "copies.h"

#include <cstdint>
#include <cstring>
#include <sstream>

#include "block.h"

namespace emulator {

namespace {

template <class... Pieces>
[[noreturn]] void refuse_copy(cudaError_t error, const Pieces&... pieces) {
  std::ostringstream cause;
  (cause << ... << pieces);
  throw Fault{error, cause.str()};
}

}  // namespace

void Copies::add(void* to, const void* from, int size, int bytes) {
  const auto bits = reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from);
  if (bits % static_cast<std::uintptr_t>(size) != 0)
    refuse_copy(cudaErrorMisalignedAddress, "misaligned: cp.async of ", size, " bytes from ", from,
                " to ", to);
  if (bytes != 0 && bytes != size)
    refuse_copy(cudaErrorLaunchFailure, "cp.async of ", size, " bytes reads 0 of them or all, not ",
                bytes);
  // It may arrive at any time from now on: nobody may still read what was there.
  std::memset(to, 0xff, static_cast<std::size_t>(size));
  copies_.push_back({to, from, size, bytes});
}

void Copies::wait(int pending) {
  const auto kept = static_cast<std::size_t>(pending);
  if (groups_.size() <= kept) return;
  const std::size_t groups = groups_.size() - kept, arrived = groups_[groups - 1];
  for (std::size_t i = 0; i < arrived; ++i) {
    const Copy& copy = copies_[i];
    if (copy.bytes > 0)
      std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.size));
    else
      std::memset(copy.to, 0, static_cast<std::size_t>(copy.size));
  }
  copies_.erase(copies_.begin(), copies_.begin() + static_cast<std::ptrdiff_t>(arrived));
  groups_.erase(groups_.begin(), groups_.begin() + static_cast<std::ptrdiff_t>(groups));
  for (std::size_t& end : groups_) end -= arrived;
}

void copy_async(void* to, const void* from, int size, int bytes) {
  copies().add(to, from, size, bytes);
}
void commit_copies() { copies().commit(); }
void wait_copies(int pending) { copies().wait(pending); }

}  // namespace emulator
