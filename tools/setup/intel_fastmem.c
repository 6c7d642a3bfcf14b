// The two functions that the oneDNN library of PyPI takes from the run-time library of the compiler
// it was built with. With these it needs nothing proprietary; everything else it names is in libm.
#include <string.h>

void* _intel_fast_memcpy(void* to, const void* from, size_t bytes) {
  return memcpy(to, from, bytes);
}

void* _intel_fast_memset(void* to, int value, size_t bytes) { return memset(to, value, bytes); }
