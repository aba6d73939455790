// The CUDA emulator: native/cuda/*.cu compiled by a C++ compiler for the CPU, with this header in
// place of CUDA's. It is there for tests: exact semantics and clear failures before speed.
//
//   language.h     keywords, vector types
//   runtime_api.h  memory, streams, graphs: the part of the CUDA runtime that native/cuda uses
//   device.h       what a kernel may call: indices, barriers, exchanges within a warp, atomics,
//   math launch.h       how a kernel is started, in place of <<< >>> block.h        how the threads
//   of a block are run fiber.h        stacks of their own
//
// Everything happens at once, on the thread that asks for it: a stream keeps no work, and only
// while it is captured are launches and copies noted, to be done at each launch of the graph. One
// kernel runs at a time in a process. Its blocks run one after the other, the threads of a block as
// fibers that take turns where they wait for each other; a thread that never waits costs a function
// call. What on a GPU is undefined or hangs is an error of the launch here, with its cause in
// cudaGetErrorString. Fresh memory, device's and dynamic shared, holds NaNs; copies of cp.async
// arrive when they are waited for; and RAREFACE_EMULATOR_ORDER (forward, reverse, shuffled) is the
// order in which blocks, and threads within one, take their turns. So what a kernel leaves to luck
// shows as a difference.
#pragma once

#include "device.h"
#include "language.h"
#include "launch.h"
#include "runtime_api.h"
