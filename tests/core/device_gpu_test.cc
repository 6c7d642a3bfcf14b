// The CUDA backend on a real GPU.
#include <chrono>
#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "core/allocator.h"
#include "core/completion_wait.h"
#include "core/device.h"
#include "core/stream.h"
#include "core/tensor.h"
#include "tests/support/expect_error.h"
#include "tests/support/gpu_test.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::kGpu;

class GpuDevice : public testing::GpuTest {};

std::vector<int32_t> numbers(size_t count) {
  std::vector<int32_t> result(count);
  std::iota(result.begin(), result.end(), 1);
  return result;
}

TEST_F(GpuDevice, MemoryIsAlignedAndComesBack) {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{100}, size_t{1} << 20}) {
    auto buffer = allocate(bytes, kGpu);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % kAlignment, 0u);
    EXPECT_EQ(buffer->bytes(), bytes);
    EXPECT_EQ(buffer->device(), kGpu);
  }
  // Many more times than the memory of any device would allow if nothing came back.
  for (int i = 0; i < 1000; ++i) allocate(size_t{1} << 30, kGpu);
}

TEST_F(GpuDevice, TooMuchMemoryIsAnErrorThatSaysWhatIsLeft) {
  expect_error(ErrorCode::kState, "cudaErrorMemoryAllocation",
               [] { allocate(size_t{1} << 50, kGpu); });
  expect_error(ErrorCode::kState, "GiB are free", [] { allocate(size_t{1} << 50, kGpu); });
  allocate(1 << 20, kGpu);  // and the device can still be used
}

TEST_F(GpuDevice, CopiesThereAndBack) {
  for (size_t count : {1, 3, 1000, 1 << 20}) {
    const std::vector<int32_t> expected = numbers(count);
    const Tensor host =
        Tensor::from<int32_t>({static_cast<int64_t>(count)}, std::span<const int32_t>(expected));
    const Tensor back = host.clone(kGpu).clone(kGpu).plain();
    EXPECT_EQ(std::memcmp(back.raw(), expected.data(), count * sizeof(int32_t)), 0) << count;
  }
}

TEST_F(GpuDevice, AStreamTellsWhenItHasCopied) {
  const size_t bytes = size_t{64} << 20;
  auto source = allocate_pinned(bytes, kGpu);
  auto target = allocate_pinned(bytes, kGpu);
  auto device = allocate(bytes, kGpu);
  StreamOwner stream(kGpu);
  for (int round = 1; round <= 5; ++round) {
    std::memset(source->data(), round, bytes);
    std::memset(target->data(), 0, bytes);
    copy_async(stream.get(), device->data(), source->data(), bytes);
    copy_async(stream.get(), target->data(), device->data(), bytes);
    CompletionWait end;
    notify(stream.get(), end.completion());
    EXPECT_EQ(end.wait(), nullptr);
    EXPECT_EQ(std::memcmp(source->data(), target->data(), bytes), 0) << "round " << round;
  }
}

TEST_F(GpuDevice, QueuingACopyDoesNotWaitForIt) {
  // 1 GiB over PCIe takes tens of milliseconds; queuing it takes microseconds.
  const size_t bytes = size_t{1} << 30;
  auto host = allocate_pinned(bytes, kGpu);
  auto device = allocate(bytes, kGpu);
  StreamOwner stream(kGpu);
  copy_async(stream.get(), host->data(), device->data(), 64);
  synchronize(stream.get());
  const auto start = std::chrono::steady_clock::now();
  copy_async(stream.get(), host->data(), device->data(), bytes);
  const auto queued = std::chrono::steady_clock::now() - start;
  synchronize(stream.get());
  const auto done = std::chrono::steady_clock::now() - start;
  EXPECT_LT(queued, done / 2);
}

TEST_F(GpuDevice, AnEventOrdersTwoStreams) {
  const size_t bytes = size_t{64} << 20;
  auto source = allocate_pinned(bytes, kGpu);
  auto target = allocate_pinned(bytes, kGpu);
  auto device = allocate(bytes, kGpu);
  StreamOwner first(kGpu);
  StreamOwner second(kGpu);
  EventOwner there(kGpu);
  EventOwner back(kGpu);
  for (int round = 1; round <= 5; ++round) {
    std::memset(source->data(), round, bytes);
    copy_async(first.get(), device->data(), source->data(), bytes);
    record(there.get(), first.get());
    wait(second.get(), there.get());
    copy_async(second.get(), target->data(), device->data(), bytes);
    record(back.get(), second.get());
    wait(first.get(), back.get());
    synchronize(first.get());
    EXPECT_EQ(std::memcmp(source->data(), target->data(), bytes), 0) << "round " << round;
  }
}

TEST_F(GpuDevice, TimedEventsMeasure) {
  const size_t bytes = size_t{256} << 20;
  auto host = allocate_pinned(bytes, kGpu);
  auto device = allocate(bytes, kGpu);
  StreamOwner stream(kGpu);
  EventOwner begin(kGpu, {.timed = true});
  EventOwner end(kGpu, {.timed = true});
  record(begin.get(), stream.get());
  copy_async(stream.get(), device->data(), host->data(), bytes);
  record(end.get(), stream.get());
  synchronize(stream.get());
  const float milliseconds = elapsed_ms(begin.get(), end.get());
  EXPECT_GT(milliseconds, 0.25F);  // 1 TB/s, more than any link to the host has
  EXPECT_LT(milliseconds, 10000.0F);
}

TEST_F(GpuDevice, StreamsEndWithWorkInThem) {
  const size_t bytes = size_t{64} << 20;
  auto host = allocate_pinned(bytes, kGpu);
  auto device = allocate(bytes, kGpu);
  CompletionWait end;
  {
    StreamOwner stream(kGpu);
    copy_async(stream.get(), device->data(), host->data(), bytes);
    notify(stream.get(), end.completion());
  }
  EXPECT_EQ(end.wait(), nullptr);
}

TEST_F(GpuDevice, ADeviceBeyondTheLastIsRefused) {
  const Device beyond{DeviceKind::kCuda, device_count(DeviceKind::kCuda)};
  expect_error(ErrorCode::kUnsupported, beyond.to_string(), [&] { allocate(16, beyond); });
  expect_error(ErrorCode::kUnsupported, beyond.to_string(), [&] { StreamOwner stream(beyond); });
}

}  // namespace
}  // namespace headrace
