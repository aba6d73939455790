// What kernels over elements share: indices, packs of elements that are loaded at once, division by
// a number that is known before.
#pragma once

#include <cstring>

#include "../arguments/call.h"
#include "divisor.h"
#include "launch.h"

namespace rareface::cuda {

constexpr int kThreads = 256;  // of a block

// N elements that follow each other, loaded and stored at once.
template <class T, int N = 4>
struct alignas(sizeof(T) * N) Pack {
  T v[N];
};

template <class T, int N = 4, class... Pointers>
bool packable(std::int64_t elements, Pointers... pointers) {
  const auto aligned = [](const void* p) {
    return reinterpret_cast<std::uintptr_t>(p) % (sizeof(T) * N) == 0;
  };
  return elements % N == 0 && (aligned(pointers) && ...);
}

// Numbers of a kernel that counts in 32 bits, which divides several times faster than in 64.
inline int small(std::int64_t n) {
  require(n >= std::numeric_limits<std::int32_t>::min() &&
              n <= std::numeric_limits<std::int32_t>::max(),
          "on a GPU this takes at most ", std::numeric_limits<std::int32_t>::max(),
          " elements, not ", n);
  return static_cast<int>(n);
}
inline unsigned natural(std::int64_t n) { return static_cast<unsigned>(small(n)); }

// body(i) for the indices of a loop in strides of the grid.
template <class Body>
__device__ __forceinline__ void for_each(std::int64_t count, Body&& body) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    body(i);
}
// The same counted in 32 bits, count < 2^31.
template <class Body>
__device__ __forceinline__ void for_each_small(unsigned count, Body&& body) {
  const unsigned step = gridDim.x * blockDim.x;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) body(i);
}

template <class T>
__global__ void fill_kernel(T* y, std::int64_t count, T value) {
  for_each(count, [&](std::int64_t i) { y[i] = value; });
}

template <class T>
void fill(const Host& host, T* y, std::int64_t count, T value) {
  std::uint8_t bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  if (std::all_of(bytes, bytes + sizeof(T), [&](auto b) { return b == bytes[0]; })) {
    if (count > 0)
      check(cudaMemsetAsync(y, bytes[0], static_cast<std::size_t>(count) * sizeof(T),
                            stream_of(host)),
            "filling ", count, " elements");
    return;
  }
  if (packable<T>(count, y)) {
    const Pack<T> pack{{value, value, value, value}};
    launch(host, grid_for(count / 4), fill_kernel<Pack<T>>, reinterpret_cast<Pack<T>*>(y),
           count / 4, pack);
  } else {
    launch(host, grid_for(count), fill_kernel<T>, y, count, value);
  }
}

inline void copy(const Host& host, void* to, const void* from, std::int64_t bytes) {
  if (bytes > 0 && to != from)
    check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice,
                          stream_of(host)),
          "copying ", bytes, " bytes");
}

// y[i] = f(x[i]). F: a class whose operator() takes a T.
template <class F, class T, class R>
__global__ void map_kernel(const T* x, R* y, std::int64_t count, F f) {
  for_each(count, [&](std::int64_t i) { y[i] = f(x[i]); });
}

// The same for packs.
template <class F, class T, class R>
__global__ void map_packs_kernel(const Pack<T>* x, Pack<R>* y, std::int64_t count, F f) {
  for_each(count, [&](std::int64_t i) {
    const Pack<T> a = x[i];
    Pack<R> r;
    for (int k = 0; k < 4; ++k) r.v[k] = f(a.v[k]);
    y[i] = r;
  });
}

// `cheap`: f takes no longer than memory does.
template <bool cheap, class T, class R, class F>
void map(const Host& host, const T* x, R* y, std::int64_t count, F f) {
  if constexpr (cheap) {
    if (packable<T>(count, x) && packable<R>(count, y)) {
      launch(host, grid_for(count / 4), map_packs_kernel<F, T, R>,
             reinterpret_cast<const Pack<T>*>(x), reinterpret_cast<Pack<R>*>(y), count / 4, f);
      return;
    }
  }
  launch(host, grid_for(count), map_kernel<F, T, R>, x, y, count, f);
}

}  // namespace rareface::cuda
