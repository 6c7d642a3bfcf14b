#include "comm/group.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "comm/schedule/schedule.h"
#include "tests/comm/operand.h"
#include "tests/comm/wirings.h"

namespace headrace::comm {
namespace {

class AnyGroup : public testing::TestWithParam<Wiring> {};  // one instance per transport

struct Case {
  Kind kind;
  Algorithm algorithm;
};

std::vector<Case> cases(int p) {
  std::vector<Case> all{
      {Kind::kAllreduce, Algorithm::kRing},
      {Kind::kAllreduce, Algorithm::kFold},
      {Kind::kAllreduce, Algorithm::kBinaryBlocks},
      {Kind::kAllreduce, Algorithm::kRecursiveDoubling},
      {Kind::kAllreduce, Algorithm::kDirect},
      {Kind::kAllreduce, Algorithm::kMixedRadix},
      {Kind::kAllreduce, Algorithm::kPairwise},
      {Kind::kAllreduce, Algorithm::kTwoLevel},
      {Kind::kAllreduce, Algorithm::kChoose},
      {Kind::kReduceScatter, Algorithm::kRing},
      {Kind::kAllgather, Algorithm::kRing},
      {Kind::kBroadcast, Algorithm::kTree},
      {Kind::kBroadcast, Algorithm::kChain},
      {Kind::kReduce, Algorithm::kTree},
      {Kind::kReduce, Algorithm::kChain},
      {Kind::kGather, Algorithm::kChoose},
      {Kind::kScatter, Algorithm::kChoose},
      {Kind::kAllToAll, Algorithm::kChoose},
  };
  if (std::has_single_bit(static_cast<unsigned>(p))) {
    all.push_back({Kind::kAllreduce, Algorithm::kHalvingDoubling});
    all.push_back({Kind::kReduceScatter, Algorithm::kHalvingDoubling});
    all.push_back({Kind::kAllgather, Algorithm::kHalvingDoubling});
  }
  return all;
}

/// The number that rank `rank` must have at `i` afterwards; false where nothing is promised.
bool expected(const Collective& c, int p, int rank, size_t i, int& value) {
  const auto ranks = static_cast<size_t>(p);
  auto owns = [&](int r) {
    const Range own = part({0, c.count}, ranks, static_cast<size_t>(r));
    return own.begin <= i && i < own.end();
  };
  auto owner = [&] {
    int r = 0;
    while (!owns(r)) ++r;
    return r;
  };
  switch (c.kind) {
    case Kind::kAllreduce:
      value = reduced(c.reduction, p, i);
      return true;
    case Kind::kReduce:
      value = reduced(c.reduction, p, i);
      return rank == c.root;
    case Kind::kReduceScatter:
      value = reduced(c.reduction, p, i);
      return owns(rank);
    case Kind::kBroadcast:
      value = number_of(c.root, i);
      return true;
    case Kind::kAllgather:
      value = number_of(owner(), i);
      return true;
    case Kind::kGather:
      value = number_of(owner(), i);
      return rank == c.root;
    case Kind::kScatter:
      value = number_of(c.root, i);
      return owns(rank);
    case Kind::kAllToAll: {
      const size_t block = c.count / ranks;
      value = number_of(static_cast<int>(i / block), static_cast<size_t>(rank) * block + i % block);
      return true;
    }
    case Kind::kBarrier:
      break;
  }
  return false;
}

void run_and_check(Group& group, Collective c) {
  Operand data(c.dtype, c.count);
  Operand input(c.dtype, c.count);
  for (size_t i = 0; i < c.count; ++i) {
    data.set(i, number_of(group.rank(), i));
    input.set(i, number_of(group.rank(), i));
  }
  c.data = data.data();
  if (c.kind == Kind::kAllToAll) c.input = input.data();
  // Some ranks have told their group where it is: transports take other ways then.
  const bool known = c.count > 0 && (static_cast<size_t>(group.rank()) + c.segment) % 2 == 0;
  std::optional<Region> data_region, input_region;
  if (known) data_region.emplace(group, data.data(), data.bytes().size());
  if (known) input_region.emplace(group, input.data(), data.bytes().size());
  group.run(c);
  for (size_t i = 0; i < c.count; ++i) {
    int value = 0;
    if (!expected(c, group.size(), group.rank(), i, value)) continue;
    ASSERT_EQ(data.get(i), value) << describe(c) << " rank " << group.rank() << " of "
                                  << group.size() << " element " << i;
  }
}

TEST_P(AnyGroup, DoesEveryCollectiveByEveryAlgorithm) {
  for (int p = 1; p <= 9; ++p) {
    const int per_host = p % 3 == 0 ? 3 : p % 2 == 0 ? 2 : 1;
    Groups groups = GetParam().connect(p, {.ranks_per_host = per_host});
    const auto errors = on_all_ranks(groups, [&](Group& group) {
      for (const Case& c : cases(p)) {
        for (size_t count : {size_t{0}, size_t{1}, static_cast<size_t>(p - 1), size_t{97},
                             size_t{1009}, size_t{20011}}) {
          if (c.kind == Kind::kAllToAll) count *= static_cast<size_t>(p);
          for (const size_t segment : {size_t{0}, size_t{61}, size_t{4096}}) {
            if (segment == 61 && count > 2000) continue;
            run_and_check(group, {.kind = c.kind,
                                  .algorithm = c.algorithm,
                                  .root = p / 2,
                                  .count = count,
                                  .segment = segment,
                                  .name = "x"});
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
      group.barrier();
    });
    for (const auto& error : errors) ASSERT_EQ(error, "") << p << " ranks";
  }
}

TEST_P(AnyGroup, ReducesEveryTypeByEveryOperation) {
  for (int p : {2, 3, 4, 7}) {
    Groups groups = GetParam().connect(p, {});
    const auto errors = on_all_ranks(groups, [&](Group& group) {
      for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16,
                          DType::kInt32, DType::kInt64}) {
        for (Reduction reduction : {Reduction::kSum, Reduction::kMax, Reduction::kMin}) {
          for (Algorithm algorithm : {Algorithm::kRing, Algorithm::kRecursiveDoubling}) {
            for (size_t count : {size_t{1}, size_t{97}, size_t{3001}}) {
              run_and_check(group, {.algorithm = algorithm,
                                    .reduction = reduction,
                                    .dtype = dtype,
                                    .count = count,
                                    .segment = 1000,
                                    .name = "x"});
              if (testing::Test::HasFatalFailure()) return;
            }
          }
        }
      }
    });
    for (const auto& error : errors) ASSERT_EQ(error, "");
  }
}

std::vector<float> gradient(int rank, size_t count) {
  std::mt19937 random(static_cast<unsigned>(rank) + 17);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random) * std::exp2(static_cast<float>(random() % 20));
  return values;
}

TEST_P(AnyGroup, EndsWithTheSameBitsOnAllRanksAndInEveryRun) {
  constexpr size_t kCount = 5003;
  for (int p : {2, 3, 4, 5, 8}) {
    for (DType wire : {DType::kUndefined, DType::kFloat16, DType::kBFloat16}) {
      for (const Case& c : cases(p)) {
        if (c.kind != Kind::kAllreduce) continue;
        std::vector<std::vector<float>> results;
        for (int repeat = 0; repeat < 2; ++repeat) {
          Groups groups = GetParam().connect(p, {.ranks_per_host = p % 2 == 0 ? 2 : 1});
          std::vector<std::vector<float>> data(static_cast<size_t>(p));
          const auto errors = on_all_ranks(groups, [&](Group& group) {
            auto& mine = data[static_cast<size_t>(group.rank())];
            mine = gradient(group.rank(), kCount);
            if (wire == DType::kFloat16) {
              for (float& value : mine) value /= 1024;
            }
            group.run({.algorithm = c.algorithm,
                       .wire = wire,
                       .data = mine.data(),
                       .count = kCount,
                       .segment = 512,
                       .name = "gradient"});
          });
          for (const auto& error : errors) ASSERT_EQ(error, "");
          for (auto& result : data) results.push_back(std::move(result));
        }
        for (const auto& result : results) {
          ASSERT_EQ(0, std::memcmp(result.data(), results[0].data(), kCount * sizeof(float)))
              << p << " ranks, " << name_of(c.algorithm) << ", wire " << name_of(wire);
        }
        // Rounded to the wire type they are as good as its precision allows.
        if (wire != DType::kUndefined) {
          const double precision = wire == DType::kFloat16 ? 0x1p-10 : 0x1p-7;
          const float scale = wire == DType::kFloat16 ? 1024 : 1;
          std::vector<double> sum(kCount), magnitude(kCount);
          for (int r = 0; r < p; ++r) {
            const auto values = gradient(r, kCount);
            for (size_t i = 0; i < kCount; ++i) {
              sum[i] += values[i] / scale;
              magnitude[i] += std::abs(values[i] / scale);
            }
          }
          for (size_t i = 0; i < kCount; ++i) {
            ASSERT_NEAR(results[0][i], sum[i], precision * p * magnitude[i] + 1e-6) << i;
          }
        }
      }
    }
  }
}

/// Counts completions and keeps the first error.
struct Ended {
  std::atomic<int> count{0};
  std::atomic<int> failed{0};
  static void notify(void* self, int, std::exception_ptr error) {
    auto& mine = *static_cast<Ended*>(self);
    if (error) ++mine.failed;
    ++mine.count;
  }
};

// Executors make operators ready in different orders; tickets bring them into one.
TEST_P(AnyGroup, StartsInTheOrderOfTicketsWhateverIsReadyFirst) {
  constexpr int kCollectives = 60;
  for (int p : {2, 3, 5}) {
    for (int concurrent : {1, 2, 4}) {
      Groups groups = GetParam().connect(p, {.concurrent = concurrent});
      const auto errors = on_all_ranks(groups, [&](Group& group) {
        std::mt19937 random(static_cast<unsigned>(group.rank() * 31 + concurrent));
        for (int run = 0; run < 3; ++run) {
          const uint64_t base = group.reserve(kCollectives);
          std::vector<int> order(kCollectives);
          for (int i = 0; i < kCollectives; ++i) order[static_cast<size_t>(i)] = i;
          std::shuffle(order.begin(), order.end(), random);
          std::vector<Operand> data;
          for (int i = 0; i < kCollectives; ++i) {
            data.emplace_back(DType::kFloat32, static_cast<size_t>(i * 37));
            for (size_t k = 0; k < data.back().count(); ++k) {
              data.back().set(k, number_of(group.rank(), k));
            }
          }
          Ended ended;
          for (int i : order) {
            auto& mine = data[static_cast<size_t>(i)];
            group.start({.data = mine.data(),
                         .count = mine.count(),
                         .ticket = base + static_cast<uint64_t>(i),
                         .name = "bucket"},
                        {Ended::notify, &ended, i});
          }
          while (ended.count.load() < kCollectives) {
            if (!group.poll()) std::this_thread::yield();
          }
          ASSERT_EQ(ended.failed.load(), 0);
          for (const auto& mine : data) {
            for (size_t k = 0; k < mine.count(); ++k) {
              ASSERT_EQ(mine.get(k), reduced(Reduction::kSum, p, k));
            }
          }
        }
      });
      for (const auto& error : errors) ASSERT_EQ(error, "") << p << " ranks, c " << concurrent;
    }
  }
}

// Nobody polls: the group's own thread brings everything to its end.
TEST_P(AnyGroup, MakesProgressWhenNobodyWaits) {
  Groups groups = GetParam().connect(3, {});
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    std::vector<std::vector<float>> data(20, std::vector<float>(10007, 1));
    Ended ended;
    for (auto& mine : data) {
      group.start({.data = mine.data(), .count = mine.size(), .name = "x"},
                  {Ended::notify, &ended, 0});
    }
    while (ended.count.load() < 20) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(ended.failed.load(), 0);
    for (const auto& mine : data) {
      for (float value : mine) ASSERT_EQ(value, 3);
    }
  });
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

// A rank that has gone to sleep hears of a message at once, also when its sender is done with that
// and does nothing more; it would look by itself after 100 ms.
TEST_P(AnyGroup, WhoSleepsHearsOfAShortMessage) {
  using Clock = std::chrono::steady_clock;
  constexpr int kRounds = 10;
  Groups groups = GetParam().connect(2, {});
  std::array<Clock::time_point, kRounds> sent;
  std::array<Clock::time_point, kRounds> came;
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    for (int round = 0; round < kRounds; ++round) {
      const auto at = static_cast<size_t>(round);
      group.barrier();
      float value = 0;
      if (group.rank() == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        sent[at] = Clock::now();
      }
      group.run({.kind = Kind::kBroadcast, .data = &value, .count = 1});
      if (group.rank() == 1) came[at] = Clock::now();
      std::this_thread::sleep_for(std::chrono::milliseconds(group.rank() == 0 ? 150 : 0));
    }
  });
  EXPECT_EQ(errors, std::vector<std::string>(2));
  std::vector<double> seconds;
  for (size_t i = 0; i < kRounds; ++i) {
    seconds.push_back(std::chrono::duration<double>(came[i] - sent[i]).count());
  }
  std::ranges::nth_element(seconds, seconds.begin() + kRounds / 2);
  EXPECT_LT(seconds[kRounds / 2], 0.03);
}

TEST_P(AnyGroup, ServesSeveralThreadsOfARank) {
  Groups groups = GetParam().connect(2, {});
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    const uint64_t base = group.reserve(80);
    std::vector<std::thread> threads;
    for (uint64_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (uint64_t i = t; i < 80; i += 4) {
          float value = 1;
          group.run({.data = &value, .count = 1, .ticket = base + i, .name = "x"});
          EXPECT_EQ(value, 2);
        }
      });
    }
    for (auto& thread : threads) thread.join();
  });
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

INSTANTIATE_TEST_SUITE_P(All, AnyGroup, testing::ValuesIn(wirings()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace headrace::comm
