#include "comm/spin_budget.h"

#include <gtest/gtest.h>

namespace headrace::comm {
namespace {

using namespace std::chrono_literals;

/// A clock that the test moves.
struct Hand {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Hand>;
  static constexpr bool is_steady = true;
  static inline time_point at{};
  static time_point now() { return at; }
};
using Budget = BasicSpinBudget<Hand>;

constexpr auto kSpin = 200us;
constexpr auto kLook = 1us;   // of polling once
constexpr auto kSleep = 1ms;  // until something wakes

/// What a wait of `length` polls, whose messages come in whenever it sleeps.
Hand::duration polled(Budget& budget, Hand::duration length) {
  Hand::duration polled{};
  const auto end = Hand::at + length;
  while (Hand::at < end) {
    if (budget.may_spin()) {
      Hand::at += kLook;
      polled += kLook;
    } else {
      Hand::at += kSleep;
      budget.moved();
    }
  }
  return polled;
}

TEST(SpinBudget, WhatIsQuickIsPolledFor) {
  Budget budget(kSpin);
  EXPECT_EQ(polled(budget, 150us), 150us);
  EXPECT_FALSE(budget.was_long());
}

TEST(SpinBudget, MessagesThatComeSoonAreNotSleptFor) {
  Budget budget(kSpin);
  // Every second look finds something, and all that was polled stays below the budget.
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(budget.may_spin()) << i;
    Hand::at += kLook;
    budget.moved();
  }
}

TEST(SpinBudget, ALongWaitPollsForASmallPartOfItsTime) {
  Budget budget(kSpin);
  const auto spent = polled(budget, 200ms);
  EXPECT_GE(spent, kSpin);
  // A few looks more, because the clock is not read each time.
  EXPECT_LE(spent, kSpin + 200ms / 1024 + 200 * 5 * kLook);
  EXPECT_TRUE(budget.was_long());
}

TEST(SpinBudget, TheWaitAfterALongOnePollsLess) {
  Budget first(kSpin);
  Budget second(kSpin, true);
  const auto before = polled(first, 10ms);
  const auto after = polled(second, 10ms);
  EXPECT_GT(after, 0us);
  EXPECT_LE(after, before / 2);
  EXPECT_FALSE(second.was_long());  // so that one after a short wait polls as before
}

TEST(SpinBudget, NothingIsPolledForWhereThatIsAskedFor) {
  Budget budget(0us);
  EXPECT_EQ(polled(budget, 10ms), 0us);
}

}  // namespace
}  // namespace headrace::comm
