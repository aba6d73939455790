// What the one device is, and what a launch may ask of it.
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "block.h"
#include "device_limits.h"
#include "errors.h"
#include "launch.h"
#include "launch_log.h"
#include "machine.h"
#include "memory.h"
#include "stream.h"

using emulator::refuse;

namespace {

constexpr int kRuntime = 13000;  // of CUDA, 13.0

cudaError_t check_device(int device) {
  return device == 0 ? cudaSuccess
                     : refuse(cudaErrorInvalidDevice, "there is no device ", device,
                              ", only device 0, the emulator");
}

// How much dynamic shared memory kernels have been granted.
class Grants {
 public:
  void set(const void* kernel, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_[kernel] = bytes;
  }
  std::size_t of(const void* kernel) {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(kernel);
    return found == bytes_.end() ? emulator::kSharedWithoutAsking : found->second;
  }

 private:
  std::mutex mutex_;
  std::map<const void*, std::size_t> bytes_;
};
Grants grants;

cudaError_t check_sizes(const void* kernel, dim3 blocks, dim3 threads, std::size_t shared) {
  using namespace emulator;
  const auto within = [](unsigned value, unsigned most) { return value >= 1 && value <= most; };
  if (!within(blocks.x, kMostBlocksX) || !within(blocks.y, kMostBlocksYZ) ||
      !within(blocks.z, kMostBlocksYZ))
    return refuse(cudaErrorInvalidConfiguration, "a grid of ", blocks.x, " x ", blocks.y, " x ",
                  blocks.z, " blocks: it takes 1 to ", kMostBlocksX, " x ", kMostBlocksYZ, " x ",
                  kMostBlocksYZ);
  if (!within(threads.x, kMostThreads) || !within(threads.y, kMostThreads) ||
      !within(threads.z, kMostThreadsZ) || threads.x * threads.y * threads.z > kMostThreads)
    return refuse(cudaErrorInvalidConfiguration, "a block of ", threads.x, " x ", threads.y, " x ",
                  threads.z, " threads: it takes 1 to ", kMostThreads, " in all, ", kMostThreadsZ,
                  " along z");
  const std::size_t granted = grants.of(kernel);
  if (shared > granted)
    return refuse(cudaErrorInvalidValue, shared, " bytes of dynamic shared memory: the kernel has ",
                  granted, ", more (up to ", kMostShared, ") by cudaFuncSetAttribute");
  return cudaSuccess;
}

cudaError_t check_pointers(const std::vector<const void*>& pointers) {
  for (std::size_t i = 0; i < pointers.size(); ++i)
    if (pointers[i] != nullptr && !emulator::on_device(pointers[i]))
      return refuse(cudaErrorIllegalAddress, "the kernel's pointer ", i + 1, " of ",
                    pointers.size(), ", ", pointers[i], ", is not into memory of the device");
  return cudaSuccess;
}

}  // namespace

void emulator::launch(const void* kernel, dim3 blocks, dim3 threads, std::size_t shared,
                      cudaStream_t stream, std::function<void()> body,
                      std::vector<const void*> pointers) {
  if (check_sizes(kernel, blocks, threads, shared) != cudaSuccess) return;
  if (check_pointers(pointers) != cudaSuccess) return;
  if (note_launch(kernel, blocks, threads, shared)) return;
  enqueue(stream, [=, body = std::move(body), pointers = std::move(pointers)] {
    if (const cudaError_t error = check_pointers(pointers)) return error;
    Fault fault = run_grid(blocks, threads, shared, body);
    return fault.error == cudaSuccess ? cudaSuccess : refuse(fault.error, std::move(fault.cause));
  });
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      static_cast<std::size_t>(value) > emulator::kMostShared)
    return refuse(cudaErrorInvalidValue, value, " bytes of dynamic shared memory: a block takes ",
                  emulator::kMostShared);
  grants.set(kernel, static_cast<std::size_t>(value));
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  *attributes = {};
  attributes->maxThreadsPerBlock = emulator::kMostThreads;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(grants.of(kernel));
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  const auto [driver, devices, capability, memory] = emulator::machine();
  *count = 0;
  if (driver < kRuntime)
    return refuse(cudaErrorInsufficientDriver, "the driver knows CUDA ", driver);
  if (devices == 0) return refuse(cudaErrorNoDevice, "there is no GPU");
  *count = devices;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) { return check_device(device); }
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = emulator::machine().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = kRuntime;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  using namespace emulator;
  if (const cudaError_t error = check_device(device)) return error;
  *properties = {};
  std::strcpy(properties->name, "CUDA emulator");
  properties->totalGlobalMem = machine().memory;
  properties->sharedMemPerBlock = kSharedWithoutAsking;
  properties->sharedMemPerBlockOptin = kMostShared;
  properties->sharedMemPerMultiprocessor = kMostShared + 1024;
  properties->regsPerBlock = 65536;
  properties->warpSize = kWarp;
  properties->maxThreadsPerBlock = kMostThreads;
  properties->maxThreadsDim[0] = properties->maxThreadsDim[1] = kMostThreads;
  properties->maxThreadsDim[2] = kMostThreadsZ;
  properties->maxGridSize[0] = kMostBlocksX;
  properties->maxGridSize[1] = properties->maxGridSize[2] = kMostBlocksYZ;
  properties->major = machine().capability / 10;
  properties->minor = machine().capability % 10;
  properties->multiProcessorCount = kMultiprocessors;
  properties->canMapHostMemory = 1;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  using namespace emulator;
  if (const cudaError_t error = check_device(device)) return error;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = kMultiprocessors;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = machine().capability / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = machine().capability % 10;
      return cudaSuccess;
  }
  return refuse(cudaErrorInvalidValue, "there is no device attribute ", attribute);
}
