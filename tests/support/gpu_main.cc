// main() of the test programs that need a GPU: without one the tests count as skipped, or as failed
// where HEADRACE_NEEDS_GPU is set.
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include "core/device_backend.h"

int main(int argc, char** argv) {
  constexpr int kSkipped = 77;
  ::testing::InitGoogleTest(&argc, argv);
  headrace::DeviceBackend& cuda = headrace::device_backend(headrace::DeviceKind::kCuda);
  if (!::testing::GTEST_FLAG(list_tests) && cuda.device_count() == 0) {
    const bool needed = std::getenv("HEADRACE_NEEDS_GPU") != nullptr;
    std::printf("there is no GPU to test with: %s\n", cuda.why_none().c_str());
    return needed ? EXIT_FAILURE : kSkipped;
  }
  return RUN_ALL_TESTS();
}
