#include "core/device.h"

#include <gtest/gtest.h>

#include "core/allocator.h"
#include "core/device_backend.h"
#include "core/stream.h"
#include "core/tensor.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_device.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::FakeDevices;

constexpr Device kGpu{DeviceKind::kCuda, 0};

TEST(Device, HasAName) {
  EXPECT_EQ(Device{}.to_string(), "cpu");
  EXPECT_EQ((Device{DeviceKind::kCuda, 3}).to_string(), "cuda:3");
  EXPECT_EQ(device_count(DeviceKind::kCpu), 1);
}

// With the backend this build really has: without a GPU, everything but counting says why not.
TEST(Device, AMissingGpuIsAnErrorThatSaysWhy) {
  DeviceBackend& cuda = device_backend(DeviceKind::kCuda);
  if (device_count(DeviceKind::kCuda) > 0) {
    EXPECT_EQ(cuda.why_none(), "");
    const Device beyond{DeviceKind::kCuda, device_count(DeviceKind::kCuda)};
    expect_error(ErrorCode::kUnsupported, beyond.to_string(), [&] { allocate(16, beyond); });
    return;
  }
  ASSERT_NE(cuda.why_none(), "");
  char bytes[16] = {};
  expect_error(ErrorCode::kUnsupported, cuda.why_none(), [] { allocate(16, kGpu); });
  expect_error(ErrorCode::kUnsupported, cuda.why_none(), [] { allocate_pinned(16, kGpu); });
  expect_error(ErrorCode::kUnsupported, "cuda:0", [] { Tensor({4}, DType::kFloat32, kGpu); });
  expect_error(ErrorCode::kUnsupported, "cuda:0", [] { StreamOwner stream(kGpu); });
  expect_error(ErrorCode::kUnsupported, "cuda:0", [] { EventOwner event(kGpu); });
  expect_error(ErrorCode::kUnsupported, "cuda:0", [] { make_current(kGpu); });
  expect_error(ErrorCode::kUnsupported, "cuda:0",
               [&] { copy_bytes(bytes, kGpu, bytes, Device{}, sizeof(bytes)); });
}

TEST(Device, TensorsMoveBetweenDevices) {
  FakeDevices gpus(2);
  const Tensor host = Tensor::from<int32_t>({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor first = host.clone(kGpu);
  const Tensor second = first.clone({DeviceKind::kCuda, 1});
  EXPECT_EQ(second.device(), (Device{DeviceKind::kCuda, 1}));
  EXPECT_EQ(gpus.live_buffers(), 2);
  const Tensor back = second.plain();
  EXPECT_TRUE(back.device().is_cpu());
  EXPECT_EQ(std::vector<int32_t>(back.data<int32_t>().begin(), back.data<int32_t>().end()),
            (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
}

TEST(Device, ElementsOnAGpuAreNotReadByTheCpu) {
  FakeDevices gpus;
  const Tensor tensor = Tensor::from<float>({2}, {1, 2}).clone(kGpu);
  expect_error(ErrorCode::kState, "cuda:0", [&] { tensor.data<float>(); });
  expect_error(ErrorCode::kState, "cuda:0", [&] { tensor.reshaped({1, 2}).data<float>(); });
}

}  // namespace
}  // namespace headrace
