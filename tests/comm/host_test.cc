#include "comm/host.h"

#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "comm/cost.h"
#include "comm/store.h"
#include "comm/transport/tcp.h"
#include "tests/comm/ranks.h"
#include "tests/comm/wirings.h"

namespace headrace::comm {
namespace {

int of(const std::string& letters) {
  std::vector<std::string> hosts;
  for (const char letter : letters) hosts.emplace_back(1, letter);
  return ranks_per_host(hosts);
}

TEST(Host, RanksPerHostAreKnownWhereHostsAreAlikeAndInOrder) {
  EXPECT_EQ(of("a"), 1);
  EXPECT_EQ(of("aaaa"), 4);
  EXPECT_EQ(of("abcd"), 1);
  EXPECT_EQ(of("aabb"), 2);
  EXPECT_EQ(of("aaabbbccc"), 3);
}

TEST(Host, OtherwiseThereIsNothingToBuildOn) {
  EXPECT_EQ(of("abab"), 1) << "numbered round the hosts";
  EXPECT_EQ(of("aab"), 1);
  EXPECT_EQ(of("aabbb"), 1);
  EXPECT_EQ(of("aabaab"), 1);
  EXPECT_EQ(of("aabbaa"), 1) << "a host in two stretches";
  EXPECT_EQ(of("aabbcd"), 1);
}

TEST(Host, ProcessesOfOneHostSayTheSame) {
  EXPECT_EQ(this_host(), this_host());
  EXPECT_TRUE(this_host().starts_with(this_machine()));
  EXPECT_EQ(this_host().find(' '), std::string::npos);
}

/// Connected over TCP, each rank saying that it is on the host of its letter.
Groups connect_on(const std::string& hosts, const GroupOptions& options) {
  const auto store = make_memory_store();
  const int size = static_cast<int>(hosts.size());
  return connect_threads(size, options, [&](int rank) {
    return connect_tcp({.rank = rank,
                        .size = size,
                        .host = std::string(1, hosts[static_cast<size_t>(rank)]),
                        .secret = Secret("a secret of the test")},
                       options.concurrent, *store);
  });
}

/// A slow network between hosts, fast memory within: two levels are worth while for long vectors.
CostTable slow_between() {
  return {.name = "slow between",
          .within = {.alpha = 1e-6, .beta = 0.05e-9, .gamma = 0.05e-9},
          .between = {.alpha = 20e-6, .beta = 8e-9, .gamma = 0.05e-9}};
}

constexpr size_t kCount = 50'021;

/// What an allreduce leaves on each rank.
std::vector<std::vector<float>> sums(Groups& groups, const Collective& collective) {
  std::vector<std::vector<float>> data(groups.size());
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    auto& mine = data[static_cast<size_t>(group.rank())];
    std::mt19937 random(static_cast<unsigned>(group.rank()));
    std::normal_distribution<float> normal;
    for (size_t i = 0; i < kCount; ++i) mine.push_back(normal(random));
    Collective c = collective;
    c.data = mine.data();
    c.count = kCount;
    group.run(c);
  });
  for (const auto& error : errors) EXPECT_EQ(error, "");
  return data;
}

TEST(Host, RanksThatMeetKnowWhoSharesAHostAndUseTwoLevels) {
  // With a power of two of ranks on each host, halving is as good.
  Groups groups = connect_on("aaabbb", {.costs = slow_between()});
  for (const auto& group : groups) {
    EXPECT_EQ(group->transport().ranks_per_host(), 3);
    const Choice choice = group->choice({.count = kCount});
    EXPECT_EQ(choice.algorithm, Algorithm::kTwoLevel);
    EXPECT_EQ(choice.ranks_per_host, 3);
  }
  const auto found = sums(groups, {});
  for (const auto& rank : found) EXPECT_EQ(rank, found.front());

  // The bits are those of the schedule, whoever carries it out.
  Groups others = make_inproc_groups(6, {.ranks_per_host = 3});
  const Choice choice = groups.front()->choice({.count = kCount});
  const auto expected =
      sums(others, {.algorithm = Algorithm::kTwoLevel, .segment = choice.segment});
  EXPECT_EQ(found, expected);
}

TEST(Host, RanksNumberedRoundTheHostsAreTreatedAsOnOneEach) {
  Groups groups = connect_on("ababab", {.costs = slow_between()});
  for (const auto& group : groups) {
    EXPECT_EQ(group->transport().ranks_per_host(), 1);
    EXPECT_NE(group->choice({.count = kCount}).algorithm, Algorithm::kTwoLevel);
  }
  const auto found = sums(groups, {});
  for (const auto& rank : found) EXPECT_EQ(rank, found.front());
}

TEST(Host, WhoeverSaysNothingIsOnThisHost) {
  Groups groups = connect_tcp_threads(4, {});
  for (const auto& group : groups) {
    EXPECT_EQ(group->transport().ranks_per_host(), 4);
    // That is for ranks that reach each other's memory, which sockets do not.
    for (const size_t count : {size_t{1} << 18, size_t{1} << 24}) {
      EXPECT_NE(group->choice({.count = count}).algorithm, Algorithm::kPairwise);
    }
  }
}

TEST(Host, TheNameOfAHostIsOneWord) {
  const auto store = make_memory_store();
  EXPECT_THROW(connect_tcp({.size = 1, .host = "rack 7"}, 1, *store), Error);
}

}  // namespace
}  // namespace headrace::comm
