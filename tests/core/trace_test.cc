#include "core/trace.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

TEST(TraceRing, KeepsTheLatestEventsAndCountsTheRest) {
  TraceRing ring(4);
  EXPECT_TRUE(ring.events().empty());
  for (int i = 0; i < 11; ++i) {
    const auto stamp = static_cast<std::uint64_t>(i);
    ring.record(stamp, stamp + 1, i, TraceKind::kAsync);
  }
  EXPECT_EQ(ring.written(), 11u);
  EXPECT_EQ(ring.dropped(), 7u);
  const auto events = ring.events();
  ASSERT_EQ(events.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(events[i].node, 7 + i);
    EXPECT_EQ(events[i].begin, static_cast<std::uint64_t>(7 + i));
    EXPECT_EQ(events[i].end, static_cast<std::uint64_t>(8 + i));
    EXPECT_EQ(events[i].kind, TraceKind::kAsync);
  }
}

TEST(TraceRecorder, CountsWhatAnyRingDropped) {
  TraceRecorder trace({.workers = 2, .events_per_worker = 3});  // rounded up to 4
  for (int i = 0; i < 6; ++i) trace.worker(0).record(0, 0, i, TraceKind::kCompute);
  for (int i = 0; i < 5; ++i) trace.worker(1).record(0, 0, i, TraceKind::kCompute);
  EXPECT_EQ(trace.dropped(), 3u);
}

TEST(TraceRecorder, NumbersRuns) {
  TraceRecorder trace({});
  for (int i = 0; i < 3; ++i) {
    trace.begin_run();
    trace.end_run();
  }
  const auto runs = trace.runs();
  ASSERT_EQ(runs.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(runs[i].node, i);
    EXPECT_LE(runs[i].begin, runs[i].end);
    if (i > 0) {
      EXPECT_LE(runs[i - 1].end, runs[i].begin);
    }
  }
}

TEST(TraceRecorder, RecordsOneRunAtATime) {
  TraceRecorder trace({});
  trace.begin_run();
  expect_error(ErrorCode::kState, "its own", [&] { trace.begin_run(); });
  trace.end_run();
  trace.begin_run();
}

TEST(TraceRecorder, RefusesSizesThatMakeNoSense) {
  expect_error(ErrorCode::kInvalidArgument, [] { TraceRecorder({.workers = 0}); });
  expect_error(ErrorCode::kInvalidArgument, [] { TraceRecorder({.events_per_worker = 0}); });
}

// The system's clocks are the independent source.
TEST(TraceScale, TicksBecomeTime) {
  using namespace std::chrono;
  const auto unix_ns = [] {
    return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
  };
  const TraceRecorder trace({});
  const auto steady_before = steady_clock::now();
  const std::int64_t unix_before = unix_ns();
  const std::uint64_t first = TraceClock::now();
  std::this_thread::sleep_for(milliseconds(50));
  const std::uint64_t second = TraceClock::now();
  const std::int64_t unix_after = unix_ns();
  const double passed = duration<double, std::nano>(steady_clock::now() - steady_before).count();

  const TraceScale scale = trace.calibrate();
  const double measured = scale.since_origin_ns(second) - scale.since_origin_ns(first);
  EXPECT_LE(measured, passed * 1.001);
  EXPECT_GE(measured, 50e6 * 0.999);
  EXPECT_GE(scale.unix_ns(first), unix_before - 100'000);
  EXPECT_LE(scale.unix_ns(second), unix_after + 100'000);
}

}  // namespace
}  // namespace headrace
