// The CUDA emulator: native/cuda/*.cu compiled by a C++ compiler for the CPU, with this header in
// place of CUDA's. It is there for tests: exact semantics and clear failures before speed.
//
// - language.h: keywords, vector types.
// - runtime_api.h: memory, streams, graphs, as far as native/cuda uses CUDA's runtime.
// - device.h: what a kernel may call; indices, barriers, exchanges in a warp, atomics, arithmetic.
// - intrinsics.h: the emulated half of native/cuda/intrinsics.h; tensor_cores.h: how tensor cores
//   add up, to the bit.
// - launch.h: how a kernel is started, in place of <<< >>>; launch_log.h: how launches are counted.
// - block.h, fiber.h: how the threads of a block are run, on stacks of their own.
// - crash.h: what becomes of a kernel that the processor stops.
//
// Everything happens at once, on the thread that asks for it: a stream keeps no work, and only
// while it is captured are launches and copies noted, to be done at each launch of the graph. One
// kernel runs at a time in a process. Its blocks run one after the other, the threads of a block as
// fibers that take turns where they wait for each other; a thread that never waits costs a function
// call. What on a GPU is undefined or hangs is an error of the launch here, with its cause in
// cudaGetErrorString; so are pointers of the host's, and AddressSanitizer sees the host reach into
// the device's memory. Fresh memory, device's and dynamic shared, holds NaNs; copies of cp.async
// arrive when they are waited for; and RAREFACE_EMULATOR_ORDER (forward, reverse, shuffled) is the
// order in which blocks, threads within one, and the work of a graph that does not wait for each
// other take their turns. So what is left to luck shows as a difference.
#pragma once

#include "device.h"
#include "language.h"
#include "launch.h"
#include "runtime_api.h"
