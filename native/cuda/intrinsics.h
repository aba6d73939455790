// What kernels do beyond plain CUDA: tensor cores, asynchronous copies and sums over threads.
// Inline PTX is written here and nowhere else; the emulator's half of it is emulator/intrinsics.h.
//
// All lanes of a warp must be together wherever a function takes or gives what others hold.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "../runtime/kernel.h"

#if defined(RAREFACE_EMULATOR)
#include "emulator/intrinsics.h"
#else

namespace rareface::cuda {

// Two bfloat16, to nearest, ties to even; `low` in the lower half.
__device__ inline std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

// d += a b, a 16 x 8, b 8 x 8, sums in float32. Of the factors' mantissas 10 bits are seen.
// Lane l = 4 g + t holds
//   a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4); b: (t, g), (t + 4, g);
//   d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
__device__ inline void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The same, a 16 x 16, b 16 x 8. Each register holds two values that follow each other along k:
//   a: (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..); b: (2t.., g), (2t + 8.., g).
__device__ inline void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                                const std::uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Copies Size bytes (4 or 16, both addresses aligned to it) to shared memory, of which `bytes` (0
// or Size) are read and the rest are zeros. They are there after wait_copies.
template <int Size>
__device__ inline void copy_async(void* shared, const void* global, int bytes) {
  static_assert(Size == 4 || Size == 16);
  const auto to = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  if constexpr (Size == 16)  // past the first level of cache, as only this size can
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
  else
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(global), "r"(bytes)
                 : "memory");
}

// Makes a group of this thread's copies since the last one.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most the N latest of this thread's groups are still on their way.
template <int N>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

// The block's dynamic shared memory, aligned to 16 bytes.
template <class T>
__device__ inline T* shared_memory() {
  extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

}  // namespace rareface::cuda

#endif

namespace rareface::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

// The sum over a warp, in each of its lanes, always in the same order.
__device__ inline float warp_sum(float x) {
  for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(kAllLanes, x, distance);
  return x;
}

// The largest of a warp; NaN only if all are.
__device__ inline float warp_max(float x) {
  for (int distance = 16; distance > 0; distance /= 2)
    x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, distance));
  return x;
}

// The sum over a block of Threads threads, in each of them. `shared`: Threads / 32 floats, which
// may be used again at once.
template <int Threads>
__device__ inline float block_sum(float x, float* shared) {
  static_assert(Threads % 32 == 0);
  x = warp_sum(x);
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < Threads / 32; ++i) sum += shared[i];
  __syncthreads();
  return sum;
}

// For blocks that share work: whether this block is the last of `blocks` to come here, of which all
// threads are told; it then sees all that the others wrote before. `counter`: one of
// Host::counters() that no other blocks use; it is 0 again afterwards. `last`: in shared memory
// that nobody needs until the next barrier.
__device__ inline bool last_to_come(unsigned* counter, int blocks, bool& last) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    last = atomicAdd(counter, 1u) == static_cast<unsigned>(blocks - 1);
    if (last) *counter = 0;
  }
  __syncthreads();
  __threadfence();
  return last;
}

// Tells the host, which throws when it waits next. `flags`: Host::flags().
__device__ inline void flag(std::int32_t* flags, DeviceError error) {
  *flags = static_cast<std::int32_t>(error);
}

}  // namespace rareface::cuda
