#include "core/stream.h"

#include <atomic>
#include <cstring>

#include <gtest/gtest.h>

#include "core/allocator.h"
#include "core/completion_wait.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_device.h"

namespace headrace {
namespace {

using testing::expect_error;
using testing::FakeDevices;

constexpr Device kGpu{DeviceKind::kCuda, 0};

TEST(Stream, OnTheCpuEverythingHasBeenDone) {
  StreamOwner stream{Device{}};
  EventOwner event{Device{}};
  EXPECT_EQ(stream.get(), Stream{});
  record(event.get(), stream.get());
  wait(stream.get(), event.get());
  int from = 3;
  int to = 0;
  copy_async(stream.get(), &to, &from, sizeof(int));
  EXPECT_EQ(to, 3);
  CompletionWait end;
  notify(stream.get(), end.completion());
  EXPECT_EQ(end.wait(), nullptr);
  synchronize(stream.get());
}

TEST(Stream, KeepsItsOrderAndTellsWhenItIsThere) {
  FakeDevices gpus;
  StreamOwner stream(kGpu);
  constexpr int kCount = 1000;
  auto host = allocate_pinned(sizeof(int), kGpu);
  auto device = allocate(sizeof(int), kGpu);
  auto* value = static_cast<int*>(host->data());
  *value = 0;
  copy_async(stream.get(), device->data(), value, sizeof(int));
  for (int i = 0; i < kCount; ++i) {
    FakeDevices::launch(stream.get(), [x = static_cast<int*>(device->data()), i] {
      *FakeDevices::in_kernel(x) += *FakeDevices::in_kernel(x) == i ? 1 : -kCount;
    });
  }
  copy_async(stream.get(), value, device->data(), sizeof(int));
  CompletionWait end;
  notify(stream.get(), end.completion());
  EXPECT_EQ(end.wait(), nullptr);
  EXPECT_EQ(*value, kCount);
}

TEST(Stream, WaitsForAnEventOfAnother) {
  FakeDevices gpus;
  for (int round = 0; round < 50; ++round) {
    StreamOwner first(kGpu);
    StreamOwner second(kGpu);
    EventOwner event(kGpu);
    std::atomic<bool> done{false};
    bool seen = false;
    FakeDevices::launch(first.get(), [&] { done = true; });
    record(event.get(), first.get());
    wait(second.get(), event.get());
    FakeDevices::launch(second.get(), [&] { seen = done; });
    synchronize(second.get());
    EXPECT_TRUE(seen);
  }
}

TEST(Stream, AFailureReachesWhoeverWaits) {
  FakeDevices gpus;
  StreamOwner stream(kGpu);
  bool ran = false;
  FakeDevices::launch(stream.get(), [] { fail(ErrorCode::kInternal, "a kernel went wrong"); });
  FakeDevices::launch(stream.get(), [&] { ran = true; });
  CompletionWait end;
  notify(stream.get(), end.completion());
  EXPECT_NE(end.wait(), nullptr);
  expect_error(ErrorCode::kInternal, "went wrong", [&] { synchronize(stream.get()); });
  EXPECT_FALSE(ran);
}

TEST(Stream, OwnersMove) {
  FakeDevices gpus;
  StreamOwner stream(kGpu);
  const Stream value = stream.get();
  StreamOwner other = std::move(stream);
  EXPECT_EQ(other.get(), value);
  EXPECT_EQ(stream.get(), Stream{});  // NOLINT(bugprone-use-after-move)
  stream = std::move(other);
  EXPECT_EQ(stream.get(), value);
}

TEST(Stream, TheCpuCannotQueueBehindADevice) {
  FakeDevices gpus;
  EventOwner event(kGpu);
  expect_error(ErrorCode::kInternal, "cuda:0", [&] { wait(Stream{}, event.get()); });
  expect_error(ErrorCode::kInternal, "cuda:0", [&] { record(event.get(), Stream{}); });
}

}  // namespace
}  // namespace headrace
