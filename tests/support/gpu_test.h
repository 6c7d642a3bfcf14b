#pragma once

#include <cstdlib>

#include <gtest/gtest.h>

#include "core/device_backend.h"

namespace headrace::testing {

inline constexpr Device kGpu{DeviceKind::kCuda, 0};

/// Base of tests that need a GPU, whose suites are named Gpu...: skipped where there is none, or
/// failed if HEADRACE_NEEDS_GPU is set. In a build that emulates GPUs (tests/cuda_emulation) they
/// run on emulated ones.
class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    DeviceBackend& cuda = device_backend(DeviceKind::kCuda);
    if (cuda.device_count() > 0) return;
    if (std::getenv("HEADRACE_NEEDS_GPU") != nullptr) {
      FAIL() << "there is no GPU to test with: " << cuda.why_none();
    }
    GTEST_SKIP() << "there is no GPU to test with: " << cuda.why_none();
  }
};

}  // namespace headrace::testing
