#pragma once

/// Marks a function that kernels of a GPU call too, so that a formula stands in one place. It may
/// call such functions only, and those of <cmath>.
#ifdef __CUDACC__
#define HEADRACE_HD __host__ __device__
#else
#define HEADRACE_HD
#endif
