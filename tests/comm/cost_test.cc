// Closed forms of cost against the event simulator, which runs the schedules themselves.
#include "comm/cost.h"

#include <cstdlib>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/connect.h"
#include "comm/measure.h"
#include "comm/schedule/allreduce.h"
#include "comm/schedule/collectives.h"
#include "tests/comm/cases.h"
#include "tests/comm/ranks.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace::comm {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;

using Name = Algorithm;

constexpr Name kAllreduces[] = {
    Name::kRing,       Name::kHalvingDoubling,   Name::kFold,     Name::kBinaryBlocks,
    Name::kMixedRadix, Name::kRecursiveDoubling, Name::kPairwise, Name::kDirect};

Schedule schedule_of(Name name, World world, size_t count, size_t segment) {
  switch (name) {
    case Name::kRing:
      return ring_allreduce(world, count, segment);
    case Name::kHalvingDoubling:
      return halving_doubling_allreduce(world, count, segment);
    case Name::kFold:
      return fold_allreduce(world, count, segment);
    case Name::kBinaryBlocks:
      return binary_blocks_allreduce(world, count, segment);
    case Name::kMixedRadix:
      return mixed_radix_allreduce(world, count, segment);
    case Name::kPairwise:
      return pairwise_allreduce(world, count, segment);
    case Name::kDirect:
      return star_allreduce(world, count);
    default:
      return recursive_doubling_allreduce(world, count);
  }
}

double simulated(Name name, int p, size_t count, size_t segment, const Timing& timing) {
  const Outcome outcome = simulate(
      all_ranks([name](World world, size_t n, size_t s) { return schedule_of(name, world, n, s); },
                p, count, segment),
      operands(p, count), timing);
  EXPECT_EQ(outcome.error, "");
  return outcome.time;
}

CostTable table_of(const Timing& timing) {
  const Cost cost{timing.alpha, timing.beta, timing.gamma};
  return {"of the test", cost, cost, true};
}

// From latency alone to bandwidth alone, reductions cheap and dear.
const std::vector<Timing> kTimings = {{1, 0, 0},    {0, 1, 0}, {100, 1, 0.1},
                                      {10, 1, 0.5}, {1, 1, 1}, {1, 0.5, 1}};
const std::vector<int> kWorlds = {2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 32};

TEST(Costs, ClosedFormsAgreeWithTheSimulation) {
  double lowest = 10;
  double highest = 0;
  for (const int p : kWorlds) {
    for (const Name name : kAllreduces) {
      if (name == Name::kHalvingDoubling && !is_power_of_two(p)) continue;
      for (const size_t count : {size_t{96}, size_t{3072}}) {
        for (const size_t segment : {size_t{64}, size_t{4096}}) {
          for (const Timing& timing : kTimings) {
            const double real = simulated(name, p, count, segment, timing);
            const double closed =
                predict(Kind::kAllreduce, name, {.size = p, .ranks_per_host = p},
                        static_cast<double>(count), static_cast<double>(segment), table_of(timing));
            const double ratio = closed / real;
            lowest = std::min(lowest, ratio);
            highest = std::max(highest, ratio);
            EXPECT_GT(ratio, 0.85)
                << name_of(name) << " p " << p << " count " << count << " segment " << segment
                << " timing " << timing.alpha << " " << timing.beta << " " << timing.gamma << ": "
                << closed << " against " << real;
            EXPECT_LT(ratio, 1.6) << name_of(name) << " p " << p << " count " << count
                                  << " segment " << segment << " timing " << timing.alpha << " "
                                  << timing.beta << " " << timing.gamma << ": " << closed
                                  << " against " << real;
          }
        }
      }
    }
  }
  RecordProperty("ratio", fmt::format("{:.2f} to {:.2f}", lowest, highest));
}

// What counts: with the algorithm that is predicted to be the cheapest, the simulated ranks are
// hardly slower than with the best.
TEST(Costs, TheCheapestIsNearlyTheFastest) {
  for (const int p : kWorlds) {
    for (const size_t count : {size_t{96}, size_t{3072}}) {
      for (const Timing& timing : kTimings) {
        double best = std::numeric_limits<double>::infinity();
        double cheapest = std::numeric_limits<double>::infinity();
        double time_of_cheapest = 0;
        Name chosen = Name::kRing;
        for (const Name name : kAllreduces) {
          if (name == Name::kHalvingDoubling && !is_power_of_two(p)) continue;
          const double real = simulated(name, p, count, 64, timing);
          const double closed = predict(Kind::kAllreduce, name, {.size = p, .ranks_per_host = p},
                                        static_cast<double>(count), 64, table_of(timing));
          best = std::min(best, real);
          if (closed < cheapest) {
            cheapest = closed;
            time_of_cheapest = real;
            chosen = name;
          }
        }
        EXPECT_LE(time_of_cheapest, 1.3 * best)
            << name_of(chosen) << " p " << p << " count " << count << " timing " << timing.alpha
            << " " << timing.beta << " " << timing.gamma;
      }
    }
  }
}

Name chosen(int p, int ranks_per_host, size_t bytes, const CostTable& table) {
  return choose(Kind::kAllreduce, {.size = p, .ranks_per_host = ranks_per_host}, bytes / 4, 4,
                table)
      .choice.algorithm;
}

// Thakur, Rabenseifner and Gropp (2005), section 4.4: recursive doubling for short vectors,
// halving and doubling for long ones, and the ring among the algorithms of least bytes.
TEST(Costs, TheLiteratureIsFollowed) {
  const CostTable table = built_in_table("tcp");
  for (const int p : {2, 4, 8, 64, 5, 12, 33}) {
    EXPECT_EQ(chosen(p, 1, 64, table), Name::kRecursiveDoubling) << p;
    EXPECT_NE(chosen(p, 1, 64 << 20, table), Name::kRecursiveDoubling) << p;
  }
  for (const int p : {4, 8, 64}) EXPECT_EQ(chosen(p, 1, 1 << 20, table), Name::kHalvingDoubling);
  for (const int p : {5, 7}) EXPECT_EQ(chosen(p, 1, 64 << 20, table), Name::kRing);
  for (const int p : {12, 24, 48}) EXPECT_EQ(chosen(p, 1, 2 << 20, table), Name::kMixedRadix) << p;
}

// Measured with eight ranks on two cores over shared memory: the star takes 0.6 times as long as
// recursive doubling for 64 bytes and for 4 KiB; with two on each core it is no faster.
TEST(Costs, FewTurnsWhereRanksShareCores) {
  const auto name = [](int p, double ranks_per_core, size_t bytes) {
    return choose(Kind::kAllreduce,
                  {.size = p, .ranks_per_host = p, .ranks_per_core = ranks_per_core}, bytes / 4, 4,
                  built_in_table("shm"))
        .choice.algorithm;
  };
  for (const size_t bytes : {64, 4096}) {
    EXPECT_EQ(name(8, 4, bytes), Name::kDirect);
    EXPECT_EQ(name(4, 2, bytes), Name::kRecursiveDoubling);
    EXPECT_EQ(name(8, 1, bytes), Name::kRecursiveDoubling);
  }
  // Long vectors: halving and doubling takes 1.2 times as long as pairwise there.
  EXPECT_EQ(name(8, 4, 4 << 20), Name::kPairwise);
  EXPECT_EQ(name(3, 1.5, 4 << 20), Name::kPairwise);
  // Not through sockets: 1.3 times as long as halving and doubling.
  EXPECT_NE(choose(Kind::kAllreduce, {.size = 8, .ranks_per_host = 8, .ranks_per_core = 4}, 1 << 20,
                   4, built_in_table("tcp-loopback"))
                .choice.algorithm,
            Name::kPairwise);
}

// Measured with eight, six and four ranks on two cores over loopback: packets instead of whole
// messages take 0.6 to 0.8 times as long up to 512 KiB, and for 2 MiB the ring is the fastest; with
// messages of 512 KiB it takes 0.75 times as long for 64 MiB as with whole parts.
TEST(Costs, PacketsWhereRanksShareCoresAndTalkThroughSockets) {
  const auto choice = [](int p, size_t bytes, double cores = 2) {
    return choose(Kind::kAllreduce,
                  {.size = p, .ranks_per_host = p, .ranks_per_core = std::max(1.0, p / cores)},
                  bytes / 4, 4, built_in_table("tcp-loopback"))
        .choice;
  };
  constexpr size_t kMiB = 1 << 20;
  for (const size_t bytes : {kMiB / 4, kMiB / 2}) {
    for (const int p : {8, 4}) {
      EXPECT_EQ(choice(p, bytes).algorithm, Name::kHalvingDoubling) << p << ' ' << bytes;
      EXPECT_LT(choice(p, bytes).segment * 4, size_t{65536}) << p << ' ' << bytes;
    }
  }
  EXPECT_EQ(choice(6, kMiB / 4).algorithm, Name::kMixedRadix);
  EXPECT_LT(choice(6, kMiB / 4).segment * 4, size_t{65536});
  for (const size_t bytes : {2 * kMiB, 16 * kMiB}) {
    for (const int p : {8, 4}) {
      EXPECT_EQ(choice(p, bytes).algorithm, Name::kRing) << p << ' ' << bytes;
      EXPECT_GT(choice(p, bytes).segment * 4, size_t{65536}) << p << ' ' << bytes;
    }
  }
  EXPECT_EQ(choice(4, 64 * kMiB).segment * 4, kMiB / 2);
  // A core for each: the longer the better.
  EXPECT_GT(choice(8, kMiB, 8).segment * 4, size_t{65536});
}

// Where hosts have several ranks and the way between them is slow, little is to travel on it.
TEST(Costs, TwoLevelsWhereTheNetworkIsSlow) {
  CostTable table{"of the test", built_in_table("shm").within, {25e-6, 8e-9, 0.06e-9}};
  EXPECT_EQ(chosen(32, 8, 64 << 20, table), Name::kTwoLevel);
  EXPECT_NE(chosen(32, 1, 64 << 20, table), Name::kTwoLevel);
  EXPECT_NE(chosen(32, 32, 64 << 20, table), Name::kTwoLevel);
}

// Six ranks on two hosts: of rings of three, 0-2-4 and 1-3-5, and of pairs at a distance of one,
// two ranks of each host and one of each leave it. By hand, with bandwidth between hosts alone.
TEST(Costs, PartnersOnAnotherHostAreCounted) {
  const CostTable table{"of the test", {0, 0, 0}, {0, 1, 0}};
  const auto time = [&](Name name) {
    return predict(Kind::kAllreduce, name, {.size = 6, .ranks_per_host = 3}, 12, 1e9, table);
  };
  // Pairs 2-3, 6 bytes; then 2 of 3 steps of 2 bytes that two ranks share; and back.
  EXPECT_DOUBLE_EQ(time(Name::kMixedRadix), 2 * (6 + 2 * 2 * 2));
  // Two rings of three within the hosts cost nothing; three ranks exchange 2 bytes each.
  EXPECT_DOUBLE_EQ(time(Name::kTwoLevel), 2 * 3 * 2);
  // Ten steps of 2 bytes past each border.
  EXPECT_DOUBLE_EQ(time(Name::kRing), 2 * 5 * 2);
}

TEST(Costs, EveryKindHasAChoice) {
  for (const Kind kind :
       {Kind::kAllreduce, Kind::kReduce, Kind::kReduceScatter, Kind::kBroadcast, Kind::kAllgather,
        Kind::kGather, Kind::kScatter, Kind::kAllToAll, Kind::kBarrier}) {
    for (const int p : {1, 2, 3, 8, 33}) {
      for (const size_t count : {size_t{0}, size_t{1}, size_t{1} << 40}) {
        const auto found =
            choose(kind, {.size = p, .ranks_per_host = 1}, count, 4, built_in_table("generic"));
        EXPECT_GE(found.seconds, 0);
        EXPECT_LT(found.seconds, 1e6);
        EXPECT_GE(found.choice.segment, 1u);
        EXPECT_NE(found.choice.algorithm, Name::kChoose);
        EXPECT_THAT(found.reason, HasSubstr("predicted"));
        EXPECT_THAT(found.reason, HasSubstr("generic, built in"));
      }
    }
  }
}

TEST(Costs, ShortBroadcastsTakeTheTreeAndLongOnesTheChain) {
  const auto name = [](size_t bytes) {
    return choose(Kind::kBroadcast, {.size = 16, .ranks_per_host = 1}, bytes, 1,
                  built_in_table("tcp"))
        .choice.algorithm;
  };
  EXPECT_EQ(name(100), Name::kTree);
  EXPECT_EQ(name(100 << 20), Name::kChain);
}

TEST(Costs, AGroupCanBeGivenATable) {
  const auto choose_by_table = chooser(built_in_table("tcp"), {});
  Collective collective;
  collective.count = 16;
  EXPECT_EQ(choose_by_table(collective, 8).algorithm, Name::kRecursiveDoubling);
  collective.count = 1 << 20;
  EXPECT_EQ(choose_by_table(collective, 8).algorithm, Name::kHalvingDoubling);
  collective.wire = DType::kFloat16;  // half the bytes
  EXPECT_EQ(choose_by_table(collective, 8).segment % 2, 0u);
}

TEST(Costs, TwoRanksMeasureThem) {
  auto groups = make_inproc_groups(2);
  Cost costs[2];
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    costs[group.rank()] = measure(group, {.longest = 1 << 16, .repeats = 5});
  });
  EXPECT_THAT(errors, ::testing::Each(""));
  for (const Cost& cost : costs) {
    EXPECT_GT(cost.alpha, 0);
    EXPECT_GE(cost.beta, 0);
    EXPECT_GT(cost.gamma, 0);
    EXPECT_LT(cost.gamma, 1e-6);
  }
}

// The table of rank 0 decides on all ranks. With messages that cost nothing but their bytes, fewer
// bytes win even for few of them, which no table that ships says.
TEST(Costs, RankZerosTableCountsForAll) {
  const testing::TempFolder folder;
  const std::string path = (folder / "costs.json").string();
  write_table(path, {"of the test", {0, 1e-6, 0}, {0, 1e-6, 0}});
  const auto chosen_by_all = [] {
    const auto store = make_memory_store();
    std::vector<Algorithm> chosen(4);
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < 4; ++rank) {
      ranks.emplace_back([&, rank] {
        const auto group = connect_group("shm", {.rank = rank, .size = 4}, {}, *store);
        Collective collective;
        collective.count = 64;
        chosen[static_cast<size_t>(rank)] = group->choice(collective).algorithm;
        group->barrier();
      });
    }
    for (auto& rank : ranks) rank.join();
    return chosen;
  };
  EXPECT_THAT(chosen_by_all(), ::testing::Each(Name::kRecursiveDoubling));
  setenv("HEADRACE_COSTS", path.c_str(), 1);
  const auto with_table = chosen_by_all();
  unsetenv("HEADRACE_COSTS");
  EXPECT_THAT(with_table, ::testing::Each(::testing::Ne(Name::kRecursiveDoubling)));
}

TEST(CostTables, SurviveTheirFile) {
  const testing::TempFolder folder;
  for (const char* name : {"inproc", "shm", "tcp-loopback", "tcp", "anything else"}) {
    const CostTable table = built_in_table(name);
    write_table((folder / "t.json").string(), table);
    const CostTable read = read_table((folder / "t.json").string());
    EXPECT_EQ(read.name, table.name);
    EXPECT_EQ(read.shares_memory, table.shares_memory);
    for (const auto& [a, b] :
         {std::pair{read.within, table.within}, {read.between, table.between}}) {
      EXPECT_DOUBLE_EQ(a.alpha, b.alpha);
      EXPECT_DOUBLE_EQ(a.beta, b.beta);
      EXPECT_DOUBLE_EQ(a.gamma, b.gamma);
    }
  }
  EXPECT_EQ(built_in_table("anything else").name, "generic, built in");
}

TEST(CostTables, BadFilesAreExplained) {
  const std::string cost = R"({"alpha_us": 1, "beta_ns_per_byte": 1, "gamma_ns_per_byte": 1})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "no table of costs"},
      {"[]", "no table of costs"},
      {"{}", "'name' is to be a text"},
      {R"({"name": "a", "within": 3})", "'within' is to be an object"},
      {R"({"name": "a", "within": {"alpha_us": "1"}})", "'alpha_us' is to be a number"},
      {R"({"name": "a", "within": {"alpha_us": -1}})", "no message costs that"},
      {R"({"name": "a", "within": {"alpha_us": 1e300}})", "no message costs that"},
      {R"({"name": "a", "within": )" + cost + "}", "'between' is to be an object"},
      {R"({"name": "a", "shares_memory": 1, "within": )" + cost + R"(, "between": )" + cost + "}",
       "'shares_memory' is to be true or false"},
  };
  for (const auto& [text, part] : cases) {
    expect_error(ErrorCode::kCorrupt, part, [&] { table_from_json(text, "t.json"); });
  }
  expect_error(ErrorCode::kNotFound, [] { read_table("/nonexistent/t.json"); });
}

}  // namespace
}  // namespace headrace::comm
