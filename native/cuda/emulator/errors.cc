#include "errors.h"

#include <utility>

namespace {

struct Description {
  cudaError_t error;
  const char *name, *words;
};
constexpr Description kErrors[]{
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver", "driver version is insufficient"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the present state"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access"},
    {cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
};

Description description(cudaError_t error) {
  for (const Description& known : kErrors)
    if (known.error == error) return known;
  return {error, "cudaErrorUnknown", "unknown error"};
}

struct Last {
  cudaError_t pending = cudaSuccess;  // for cudaGetLastError
  cudaError_t error = cudaSuccess;    // whose cause this is
  std::string cause;
};
thread_local Last last;

}  // namespace

cudaError_t emulator::refuse(cudaError_t error, std::string cause) {
  last = {error, error, std::move(cause)};
  return error;
}

const char* cudaGetErrorName(cudaError_t error) { return description(error).name; }
const char* cudaGetErrorString(cudaError_t error) {
  return error != cudaSuccess && error == last.error ? last.cause.c_str()
                                                     : description(error).words;
}
cudaError_t cudaGetLastError() { return std::exchange(last.pending, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last.pending; }
