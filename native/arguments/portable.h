// Functions that a CPU's kernels and a GPU's share.
#pragma once

#if defined(__CUDACC__)
#define RAREFACE_PORTABLE __host__ __device__
#else
#define RAREFACE_PORTABLE
#endif
