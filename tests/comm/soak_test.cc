#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "comm/connect.h"
#include "comm/store/open.h"
#include "core/error.h"
#include "tests/comm/processes.h"
#include "tests/support/temp_folder.h"

// Faults of all kinds at random moments, also while ranks are still connecting. A few rounds in
// every run of the tests; HEADRACE_SOAK_ROUNDS=200 for an afternoon.
namespace headrace::comm {
namespace {

using headrace::testing::TempFolder;

enum class Fault { kKill, kFreeze, kAbort, kLeave, kOtherShape, kStuck, kCount };

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::kKill:
      return "is killed";
    case Fault::kFreeze:
      return "freezes";
    case Fault::kAbort:
      return "aborts";
    case Fault::kLeave:
      return "leaves";
    case Fault::kOtherShape:
      return "sums another length";
    case Fault::kStuck:
      return "does not come";
    case Fault::kCount:
      break;
  }
  return "?";
}

struct Round {
  int ranks = 2;
  std::string transport;
  Fault fault = Fault::kKill;
  int victim = 0;
  std::chrono::milliseconds moment{};
  std::vector<size_t> counts;
  bool regions = false;  // the group knows of the vectors
};

Round random_round(std::mt19937& random) {
  auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  Round round;
  round.ranks = 2 + below(4);
  round.transport = below(2) == 0 ? "tcp" : "shm";
  round.fault = static_cast<Fault>(below(static_cast<int>(Fault::kCount)));
  round.victim = below(round.ranks);
  round.moment = std::chrono::milliseconds(below(400));
  for (int i = 0; i < 5; ++i) round.counts.push_back(static_cast<size_t>(1) << below(20));
  round.regions = below(2) == 0;
  return round;
}

/// Several collectives at a time, results checked, until something fails. The victim does what the
/// round says when its moment has come.
void work(const Round& round, int rank, const TempFolder& folder) {
  using Clock = std::chrono::steady_clock;
  const auto moment = Clock::now() + round.moment;
  const auto store = open_file_store(folder.path());
  const auto group = connect_group(
      round.transport,
      {.rank = rank, .size = round.ranks, .secret = Secret("the secret of the soak"), .timeout = 3},
      {.timeout = 1}, *store);
  std::vector<std::vector<float>> data;
  std::vector<size_t> counts = round.counts;
  for (const size_t count : counts) data.emplace_back(count + 1);
  std::vector<std::unique_ptr<Region>> regions;
  for (auto& mine : data) {
    if (!round.regions) break;
    regions.push_back(std::make_unique<Region>(*group, mine.data(), mine.size() * sizeof(float)));
  }
  const float sum = static_cast<float>(round.ranks);
  while (true) {
    if (rank == round.victim && Clock::now() >= moment) {
      if (round.fault == Fault::kAbort) group->abort("the soak test says so");
      if (round.fault == Fault::kLeave) return;
      if (round.fault == Fault::kStuck) std::this_thread::sleep_for(std::chrono::seconds(2));
      if (round.fault == Fault::kOtherShape) counts[0] = round.counts[0] + 1;
    }
    struct Ended {
      std::atomic<size_t> count{0};
      std::atomic<bool> failed{false};
    } ended;
    for (size_t i = 0; i < data.size(); ++i) {
      std::vector<float>& mine = data[i];
      std::fill(mine.begin(), mine.end(), 1.0f);
      group->start({.data = mine.data(), .count = counts[i], .name = "gradient"},
                   {[](void* self, int, std::exception_ptr error) {
                      auto& all = *static_cast<Ended*>(self);
                      if (error) all.failed = true;
                      ++all.count;
                    },
                    &ended, 0});
    }
    while (ended.count.load() < data.size()) {
      if (!group->poll()) std::this_thread::yield();
    }
    if (ended.failed.load()) group->check();
    for (size_t i = 0; i < data.size(); ++i) {
      for (size_t k = 0; k < counts[i]; ++k) {
        // Status 1 is what a failure ends with; this is none that is allowed.
        if (data[i][k] != sum) ::_exit(3);
      }
    }
  }
}

std::set<std::string> shared_memory() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    if (entry.path().filename().string().starts_with("headrace")) names.insert(entry.path());
  }
  return names;
}

TEST(Soak, AnyFaultAtAnyMomentEndsEveryRankWithAnErrorAndLeavesNothing) {
  const char* asked = std::getenv("HEADRACE_SOAK_ROUNDS");
  const int rounds = asked != nullptr ? std::atoi(asked) : 6;
  const auto before = shared_memory();
  std::mt19937 random(asked != nullptr ? std::random_device()() : 11);
  for (int i = 0; i < rounds; ++i) {
    const Round round = random_round(random);
    SCOPED_TRACE(fmt::format("round {}: {} ranks over {}{}, rank {} {} after {} ms", i, round.ranks,
                             round.transport, round.regions ? " with regions" : "", round.victim,
                             name_of(round.fault), round.moment.count()));
    const TempFolder folder;
    Processes processes;
    processes.start(round.ranks, [&](int rank) { work(round, rank, folder); });
    std::vector<int> frozen;
    if (round.fault == Fault::kKill || round.fault == Fault::kFreeze) {
      std::this_thread::sleep_for(round.moment);
      processes.signal(round.victim, round.fault == Fault::kKill ? SIGKILL : SIGSTOP);
      if (round.fault == Fault::kFreeze) frozen.push_back(round.victim);
    }
    const auto outcomes = processes.wait(30, frozen);
    for (int rank = 0; rank < round.ranks; ++rank) {
      const auto& outcome = outcomes[static_cast<size_t>(rank)];
      if (rank == round.victim) continue;
      ASSERT_EQ(outcome.status, 1) << "rank " << rank << ": " << outcome.error;
      ASSERT_NE(outcome.error, "");
    }
  }
  EXPECT_EQ(shared_memory(), before);
}

}  // namespace
}  // namespace headrace::comm
