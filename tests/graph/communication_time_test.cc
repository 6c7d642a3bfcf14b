#include "graph/communication_time.h"

#include <random>

#include <gtest/gtest.h>

namespace headrace {
namespace {

// Tick by tick.
Overlap counted(const std::vector<TimeSpan>& communication,
                const std::vector<TimeSpan>& computation, uint64_t end) {
  const auto any = [](const std::vector<TimeSpan>& spans, uint64_t tick) {
    for (const TimeSpan& span : spans) {
      if (span.begin <= tick && tick < span.end) return true;
    }
    return false;
  };
  Overlap overlap;
  for (uint64_t tick = 0; tick < end; ++tick) {
    if (!any(communication, tick)) continue;
    ++(any(computation, tick) ? overlap.hidden : overlap.exposed);
  }
  return overlap;
}

TEST(CommunicationTime, IsHiddenWhereSomethingIsComputedAndExposedElsewhere) {
  std::mt19937 random(3);
  constexpr uint64_t kEnd = 60;
  const auto spans = [&] {
    std::vector<TimeSpan> all(random() % 6);
    for (TimeSpan& span : all) {
      span.begin = random() % kEnd;
      span.end = span.begin + random() % (kEnd - span.begin);
    }
    return all;
  };
  for (int trial = 0; trial < 2000; ++trial) {
    const auto communication = spans();
    const auto computation = spans();
    const Overlap found = overlap_of(communication, computation);
    const Overlap expected = counted(communication, computation, kEnd);
    ASSERT_EQ(found.hidden, expected.hidden) << trial;
    ASSERT_EQ(found.exposed, expected.exposed) << trial;
  }
}

TEST(CommunicationTime, SharesAreOfCommunicationAndOfRuns) {
  const CommunicationTime time{.runs = 2, .seconds = 8, .hidden = 3, .exposed = 1};
  EXPECT_DOUBLE_EQ(time.hidden_share(), 0.75);
  EXPECT_DOUBLE_EQ(time.exposed_share(), 0.125);
  EXPECT_FALSE(CommunicationTime{}.any());
  EXPECT_EQ(CommunicationTime{}.hidden_share(), 0);
  EXPECT_EQ(CommunicationTime{}.exposed_share(), 0);
}

}  // namespace
}  // namespace headrace
