// Memory of the device: blocks of the heap, known by their addresses.
#include "memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>

#include "device_limits.h"
#include "errors.h"
#include "machine.h"
#include "stream.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using emulator::refuse;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
void hide(void* data, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(data, bytes); }
void show(void* data, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(data, bytes); }
#else
constexpr bool kSanitized = false;
void hide(void*, std::size_t) {}
void show(void*, std::size_t) {}
#endif

struct Block {
  std::size_t bytes;
  bool mapped;  // of the host's memory
};

class Blocks {
 public:
  // Fresh memory holds NaNs. Null when there is no room.
  void* allocate(std::size_t bytes, bool mapped) {
    const std::lock_guard lock(mutex_);
    if (!mapped && used_ + bytes > emulator::machine().memory) return nullptr;
    void* data = nullptr;
    // As aligned as cudaMalloc's; no larger than asked for, so that AddressSanitizer sees overruns.
    if (posix_memalign(&data, 256, bytes) != 0) return nullptr;
    std::memset(data, 0xff, bytes);
    blocks_[static_cast<char*>(data)] = {bytes, mapped};
    if (mapped) return data;
    used_ += bytes;
    if (open_ == 0) hide(data, bytes);
    return data;
  }

  bool free(void* data, bool mapped) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(static_cast<char*>(data));
    if (found == blocks_.end() || found->second.mapped != mapped) return false;
    if (!mapped) used_ -= found->second.bytes;
    show(data, found->second.bytes);
    blocks_.erase(found);
    std::free(data);
    return true;
  }

  enum class Lies { elsewhere, within, across };
  // Where `bytes` from `data` on lie, seen from the device's memory (and the mapped).
  Lies where(const void* data, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const auto* start = static_cast<const char*>(data);
    auto next = blocks_.upper_bound(const_cast<char*>(start));
    if (next != blocks_.begin()) {
      const auto& [from, block] = *std::prev(next);
      const char* end = from + block.bytes;
      if (start + bytes <= end) return Lies::within;
      if (start < end) return Lies::across;
    }
    return next != blocks_.end() && start + bytes > next->first ? Lies::across : Lies::elsewhere;
  }
  bool is_mapped(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(static_cast<char*>(data));
    return found != blocks_.end() && found->second.mapped;
  }
  std::size_t used() {
    const std::lock_guard lock(mutex_);
    return used_;
  }

  // One user more or less of the memory.
  void open() {
    const std::lock_guard lock(mutex_);
    if (open_++ > 0 || !kSanitized) return;
    for (const auto& [data, block] : blocks_) show(data, block.bytes);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--open_ > 0 || !kSanitized) return;
    for (const auto& [data, block] : blocks_)
      if (!block.mapped) hide(data, block.bytes);
  }

 private:
  std::mutex mutex_;
  std::map<char*, Block, std::less<>> blocks_;
  std::size_t used_ = 0;
  int open_ = 0;
};
Blocks blocks;

// `data` must lie in memory of the device, or outside of it, as the direction of a copy says.
cudaError_t check_side(const char* side, const void* data, std::size_t bytes, bool on_device) {
  const Blocks::Lies lies = blocks.where(data, bytes);
  if (lies == (on_device ? Blocks::Lies::within : Blocks::Lies::elsewhere)) return cudaSuccess;
  if (!on_device && lies == Blocks::Lies::within) return cudaSuccess;  // may be mapped
  return refuse(cudaErrorInvalidValue, side, " ", bytes, " bytes at ", data, ": ",
                lies == Blocks::Lies::across ? "they leave a block of the device's memory"
                                             : "that is no memory of the device");
}

cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (bytes == 0) return cudaSuccess;
  const bool any = kind == cudaMemcpyDefault;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  if (!any) {
    if (const auto error = check_side("copying from", from, bytes, from_device)) return error;
    if (const auto error = check_side("copying to", to, bytes, to_device)) return error;
  }
  const std::less<const void*> before;
  if (before(to, static_cast<const char*>(from) + bytes) &&
      before(from, static_cast<const char*>(to) + bytes))
    return refuse(cudaErrorInvalidValue, "copying ", bytes, " bytes from ", from, " to ", to,
                  ": they overlap");
  const emulator::Access access;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}

cudaError_t allocate(void** data, std::size_t bytes, bool mapped) {
  *data = nullptr;
  if (bytes == 0) return cudaSuccess;
  *data = blocks.allocate(bytes, mapped);
  return *data != nullptr
             ? cudaSuccess
             : refuse(cudaErrorMemoryAllocation, "out of memory: no room for ", bytes, " bytes");
}

cudaError_t release(void* data, bool mapped) {
  if (data == nullptr || blocks.free(data, mapped)) return cudaSuccess;
  return refuse(cudaErrorInvalidValue, "freeing ", data, ", where no block begins");
}

}  // namespace

bool emulator::on_device(const void* address) {
  return blocks.where(address, 0) == Blocks::Lies::within;
}
emulator::Access::Access() { blocks.open(); }
emulator::Access::~Access() { blocks.close(); }

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = emulator::machine().memory;
  *free = *total - std::min(*total, blocks.used());
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** data, std::size_t bytes) { return allocate(data, bytes, false); }
cudaError_t cudaFree(void* data) { return release(data, false); }
cudaError_t cudaHostAlloc(void** data, std::size_t bytes, unsigned) {
  return allocate(data, bytes, true);
}
cudaError_t cudaMallocHost(void** data, std::size_t bytes) { return allocate(data, bytes, true); }
cudaError_t cudaFreeHost(void* data) { return release(data, true); }
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) {
  if (!blocks.is_mapped(host))
    return refuse(cudaErrorInvalidValue, "no memory that cudaHostAlloc gave begins at ", host);
  *device = host;
  return cudaSuccess;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy(to, from, bytes, kind);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return emulator::enqueue(stream, [=] { return copy(to, from, bytes, kind); });
}
cudaError_t cudaMemsetAsync(void* data, int value, std::size_t bytes, cudaStream_t stream) {
  return emulator::enqueue(stream, [=] {
    if (bytes == 0) return cudaSuccess;
    if (const auto error = check_side("filling", data, bytes, true)) return error;
    const emulator::Access access;
    std::memset(data, value, bytes);
    return cudaSuccess;
  });
}
