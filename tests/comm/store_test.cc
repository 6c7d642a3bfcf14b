#include "comm/store.h"

#include <atomic>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "tests/comm/stores.h"
#include "tests/support/expect_error.h"

namespace headrace::comm {
namespace {

using testing::expect_error;

using std::chrono::steady_clock;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

// What every store promises; ranks are threads with a store of their own each.
class Stores : public ::testing::TestWithParam<StoreKind> {
 protected:
  Stores() : stores_(GetParam().open()) {}

  /// The store as `rank` sees it.
  std::shared_ptr<Store> store(int rank = 0) { return stores_(rank); }

  std::function<std::shared_ptr<Store>(int)> stores_;
};

TEST_P(Stores, WhatIsSetIsSeenByAll) {
  const auto one = store(0);
  const auto two = store(1);
  EXPECT_EQ(one->try_get("a"), std::nullopt);
  one->set("a", "1");
  EXPECT_EQ(two->try_get("a"), "1");
  two->set("a", "two");
  EXPECT_EQ(one->get("a", deadline_in(5)), "two");
  EXPECT_EQ(one->try_get("ab"), std::nullopt);
  EXPECT_TRUE(two->erase("a"));
  EXPECT_EQ(one->try_get("a"), std::nullopt);
  EXPECT_FALSE(one->erase("a"));
}

// Any bytes may stand in keys and values.
TEST_P(Stores, BytesAreKept) {
  const auto one = store(0);
  const auto two = store(1);
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  const std::string long_key(Store::kMaxKey, 'k');
  for (const std::string& key : {all, std::string("../a/b"), std::string("."), std::string("a%2Fb"),
                                 std::string(1, '\0'), long_key, std::string("a b\r\nc")}) {
    for (const std::string& value : {std::string(), all, std::string(100'000, '\xff')}) {
      one->set(key, value);
      EXPECT_TRUE(two->try_get(key) == value);
      EXPECT_TRUE(two->get(key, deadline_in(5)) == value);
    }
    EXPECT_TRUE(two->erase(key));
  }
  one->set("a", "1");
  EXPECT_EQ(two->try_get("A"), std::nullopt);
}

TEST_P(Stores, LargeValues) {
  std::string value(Store::kMaxValue, 'v');
  value.front() = 'f';
  value.back() = 'b';
  store(0)->set("large", value);
  EXPECT_TRUE(store(1)->get("large", deadline_in(10)) == value);
}

TEST_P(Stores, TooLongIsRefused) {
  const auto one = store();
  const std::string key(Store::kMaxKey + 1, 'k');
  expect_error(ErrorCode::kInvalidArgument, [&] { one->set(key, "1"); });
  expect_error(ErrorCode::kInvalidArgument, [&] { one->get(key, deadline_in(1)); });
  expect_error(ErrorCode::kInvalidArgument, [&] { one->add("", 1); });
  expect_error(ErrorCode::kInvalidArgument,
               [&] { one->set("k", std::string(Store::kMaxValue + 1, 'v')); });
}

TEST_P(Stores, GetWaitsForTheValue) {
  const auto waiting = store(1);
  std::atomic<bool> got = false;
  std::thread waiter([&] {
    EXPECT_EQ(waiting->get("late", deadline_in(20)), "here");
    got = true;
  });
  const auto one = store(0);
  one->set("other", "x");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(got);
  one->set("late", "here");
  const auto start = steady_clock::now();
  waiter.join();
  EXPECT_LT(seconds_since(start), 2);
}

TEST_P(Stores, GetEndsAtTheDeadline) {
  const auto one = store();
  const auto start = steady_clock::now();
  expect_error(ErrorCode::kTimeout, [&] { one->get("never", deadline_in(0.1)); });
  EXPECT_EQ(one->wait("never", deadline_in(0.1)), std::nullopt);
  EXPECT_GE(seconds_since(start), 0.2);
  EXPECT_LT(seconds_since(start), 5);
  // A deadline that has passed asks once.
  one->set("now", "1");
  EXPECT_EQ(one->wait("now", deadline_in(-1)), "1");
  EXPECT_EQ(one->wait("never", deadline_in(-1)), std::nullopt);
}

TEST_P(Stores, AddCounts) {
  const auto one = store(0);
  EXPECT_EQ(one->add("n", 3), 3);
  EXPECT_EQ(store(1)->add("n", -5), -2);
  EXPECT_EQ(one->try_get("n"), "-2");
  one->set("n", "40");
  EXPECT_EQ(one->add("n", 2), 42);
  EXPECT_EQ(one->add("n", 0), 42);
}

TEST_P(Stores, AddRefusesWhatIsNoNumber) {
  const auto one = store();
  for (const std::string text : {"many", "", "1 ", "0x10", "99999999999999999999"}) {
    one->set("n", text);
    expect_error(ErrorCode::kTypeMismatch, [&] { one->add("n", 1); });
    EXPECT_EQ(one->try_get("n"), text);
  }
  one->set("n", "9223372036854775807");
  expect_error(ErrorCode::kTypeMismatch, [&] { one->add("n", 1); });
  EXPECT_EQ(one->add("n", -1), 9223372036854775806);
  one->set("n", "-9223372036854775808");
  expect_error(ErrorCode::kTypeMismatch, [&] { one->add("n", -1); });
}

// No sum is lost or seen twice, however calls overlap.
TEST_P(Stores, AddIsAtomic) {
  constexpr int kRanks = 4;
  constexpr int kTimes = 100;
  std::vector<std::atomic<int>> seen(kRanks * kTimes + 1);
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < kRanks; ++rank) {
    ranks.emplace_back([&, mine = store(rank)] {
      for (int i = 0; i < kTimes; ++i) ++seen.at(static_cast<size_t>(mine->add("n", 1)));
    });
  }
  for (auto& rank : ranks) rank.join();
  for (size_t sum = 1; sum < seen.size(); ++sum) EXPECT_EQ(seen[sum], 1) << sum;
}

TEST_P(Stores, OneCallerSetsWhatIsAbsent) {
  constexpr int kRanks = 4;
  constexpr int kRounds = 30;
  std::vector<std::vector<std::string>> answers(kRanks);
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < kRanks; ++rank) {
    ranks.emplace_back([&, rank, mine = store(rank)] {
      for (int round = 0; round < kRounds; ++round) {
        answers[static_cast<size_t>(rank)].push_back(
            mine->set_if_absent("round" + std::to_string(round), std::to_string(rank)));
      }
    });
  }
  for (auto& rank : ranks) rank.join();
  for (size_t round = 0; round < kRounds; ++round) {
    const auto winner = store()->try_get("round" + std::to_string(round));
    ASSERT_TRUE(winner);
    EXPECT_EQ(answers.at(static_cast<size_t>(std::stoi(*winner))).at(round), *winner);
    for (const auto& answer : answers) EXPECT_EQ(answer.at(round), *winner);
  }
}

// Values that are replaced while they are read are never seen in part.
TEST_P(Stores, ReadersSeeWholeValues) {
  const auto writing = store(0);
  const auto reading = store(1);
  writing->set("v", std::string(5000, 'a'));
  std::jthread writer([&] {
    for (int i = 0; i < 100; ++i)
      writing->set("v", std::string(1 + (i * 977) % 9000, 'a' + i % 26));
  });
  for (int i = 0; i < 100; ++i) {
    const auto value = reading->try_get("v");
    ASSERT_TRUE(value);
    EXPECT_EQ(*value, std::string(value->size(), value->front()));
  }
}

// One thread's wait keeps no other thread of the same rank waiting.
TEST_P(Stores, ThreadsShareAStore) {
  const auto one = store();
  std::thread waiter([&] { EXPECT_EQ(one->get("go", deadline_in(20)), "1"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto start = steady_clock::now();
  one->set("x", "2");
  EXPECT_EQ(one->get("x", deadline_in(5)), "2");
  one->set("go", "1");
  waiter.join();
  EXPECT_LT(seconds_since(start), 5);
}

TEST_P(Stores, PrefixesKeepApart) {
  const auto one = make_prefix_store(store(0), "epoch 1/");
  const auto two = make_prefix_store(store(1), "epoch 2/");
  one->set("a", "1");
  EXPECT_EQ(two->try_get("a"), std::nullopt);
  EXPECT_EQ(store(1)->try_get("epoch 1/a"), "1");
  EXPECT_EQ(two->add("n", 1), 1);
  EXPECT_EQ(one->add("n", 1), 1);
  EXPECT_EQ(make_prefix_store(two, "group/")->set_if_absent("g", "x"), "x");
  EXPECT_EQ(store(0)->get("epoch 2/group/g", deadline_in(5)), "x");
  EXPECT_TRUE(one->erase("a"));
  EXPECT_FALSE(two->erase("a"));
}

INSTANTIATE_TEST_SUITE_P(All, Stores, ::testing::ValuesIn(store_kinds()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace headrace::comm
