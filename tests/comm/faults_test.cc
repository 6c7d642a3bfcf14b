#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "comm/group.h"
#include "tests/comm/wirings.h"
#include "tests/support/temp_folder.h"

// What ranks that are threads see when one of them fails; processes are in processes_test.cc.
namespace headrace::comm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

class Faults : public ::testing::TestWithParam<Wiring> {};

TEST_P(Faults, DifferentShapesAreNamedOnBothSides) {
  Groups groups = GetParam().connect(2, {.timeout = 20});
  const auto began = Clock::now();
  const auto errors = on_all_ranks(groups, [](Group& group) {
    std::vector<float> data(200, 1);
    const size_t count = group.rank() == 0 ? 100 : 101;
    group.run({.data = data.data(), .count = count, .name = "conv1_w_grad", .step = 7});
  });
  EXPECT_LT(Clock::now() - began, std::chrono::seconds(5));
  for (const auto& error : errors) {
    EXPECT_THAT(error, AllOf(HasSubstr("conv1_w_grad"), HasSubstr("of 100 float32"),
                             HasSubstr("of 101 float32"), HasSubstr("rank 0"), HasSubstr("rank 1"),
                             HasSubstr("training step 7")));
  }
}

TEST_P(Faults, DifferentTypesOperationsRootsAndKindsAreFound) {
  struct Difference {
    Collective first, second;
    std::string found;
  };
  std::vector<float> data(64);
  const auto base = Collective{.data = data.data(), .count = 32, .name = "x"};
  auto changed = [&](auto change) {
    Collective other = base;
    change(other);
    return other;
  };
  const std::vector<Difference> differences{
      {base, changed([](Collective& c) { c.dtype = DType::kInt32; }), "int32"},
      {base, changed([](Collective& c) { c.reduction = Reduction::kMax; }), "max"},
      {base, changed([](Collective& c) { c.wire = DType::kBFloat16; }), "bfloat16 on the wire"},
      {base, changed([](Collective& c) { c.algorithm = Algorithm::kRing; }), "ring"},
      {base, changed([](Collective& c) { c.kind = Kind::kAllgather; }), "allgather"},
  };
  for (const auto& [first, second, found] : differences) {
    Groups groups = GetParam().connect(2, {.timeout = 1});
    std::vector<std::vector<float>> buffers(2, std::vector<float>(64));
    const auto errors = on_all_ranks(groups, [&](Group& group) {
      Collective mine = group.rank() == 0 ? first : second;
      mine.data = buffers[static_cast<size_t>(group.rank())].data();
      group.run(mine);
    });
    for (const auto& error : errors) EXPECT_THAT(error, HasSubstr(found));
  }
}

// Both roots have sent and are done; what they sent is found by what comes next on its way.
TEST_P(Faults, ABroadcastWithTwoRootsIsFound) {
  Groups groups = GetParam().connect(2, {.concurrent = 1, .timeout = 1});
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    std::vector<float> data(64);
    group.run({.kind = Kind::kBroadcast,
               .root = group.rank(),
               .data = data.data(),
               .count = 64,
               .name = "parameters"});
    group.barrier();
  });
  EXPECT_THAT(errors, ::testing::Each(HasSubstr("root")));
}

TEST_P(Faults, AbortWakesEveryRankAtOnce) {
  Groups groups = GetParam().connect(4, {.timeout = 100});
  std::atomic<Clock::time_point> aborted{};
  std::atomic<int64_t> slowest{0};
  std::thread aborter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    aborted = Clock::now();
    groups[1]->abort("the disk is full");
  });
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    if (group.rank() == 3) {  // never comes, so that the others sleep
      while (true) {
        group.check();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
    float value = 1;
    try {
      group.run({.data = &value, .count = 1, .name = "loss"});
    } catch (...) {
      const auto took =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - aborted.load());
      int64_t before = slowest.load();
      while (before < took.count() && !slowest.compare_exchange_weak(before, took.count())) {
      }
      throw;
    }
  });
  aborter.join();
  for (const auto& error : errors) {
    EXPECT_THAT(error, AllOf(HasSubstr("rank 1 aborted"), HasSubstr("the disk is full")));
  }
  EXPECT_THAT(errors[0], HasSubstr("'loss'"));
  // The promise is 100 ms; the machines of tests have other things to do.
  EXPECT_LT(slowest.load(), 1000);
}

TEST_P(Faults, ARankThatDoesNotComeIsNamedAtTheDeadline) {
  Groups groups = GetParam().connect(3, {.timeout = 0.5});
  std::atomic<bool> over{false};
  const auto began = Clock::now();
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    std::vector<float> data(10, 1);
    group.run({.data = data.data(), .count = 10, .name = "first"});
    if (group.rank() == 2) {
      while (!over.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return;
    }
    try {
      group.run({.data = data.data(), .count = 10, .name = "second"});
    } catch (...) {
      over = true;
      throw;
    }
  });
  const auto took = Clock::now() - began;
  EXPECT_GT(took, std::chrono::milliseconds(450));
  EXPECT_LT(took, std::chrono::seconds(10));
  for (const int rank : {0, 1}) {
    EXPECT_THAT(errors[static_cast<size_t>(rank)],
                AllOf(HasSubstr("'second'"), HasSubstr("did not end in 0.5 s"),
                      HasSubstr("rank 2: nothing of this ticket; its last is allreduce 'first'")));
  }
}

TEST_P(Faults, ARankThatLeavesIsNamed) {
  Groups groups = GetParam().connect(3, {.timeout = 20});
  const auto errors = on_all_ranks(groups, [&](Group& group) {
    const int rank = group.rank();
    group.barrier();
    if (rank == 1) {
      groups[1].reset();
      return;
    }
    std::vector<float> data(100000, 1);
    group.run({.data = data.data(), .count = data.size(), .name = "x"});
  });
  EXPECT_EQ(errors[1], "");
  EXPECT_THAT(errors[0], HasSubstr("rank 1 has left the group"));
  EXPECT_THAT(errors[2], HasSubstr("rank 1 has left the group"));
}

TEST_P(Faults, AGroupThatFailedStaysFailedAndKeepsTheFirstReason) {
  Groups groups = GetParam().connect(2, {});
  groups[0]->abort("first");
  groups[0]->abort("second");
  const auto errors = on_all_ranks(groups, [](Group& group) {
    float value = 1;
    while (true) group.run({.data = &value, .count = 1, .name = "x"});
  });
  for (const auto& error : errors) EXPECT_THAT(error, HasSubstr("rank 0 aborted: first"));
  EXPECT_THROW(groups[0]->check(), Error);
  EXPECT_THROW(groups[1]->check(), Error);
}

TEST_P(Faults, WhatDoesNotMakeSenseIsRefusedAtOnce) {
  Groups groups = GetParam().connect(2, {});
  Group& group = *groups[0];
  std::vector<float> data(10);
  const auto good = Collective{.data = data.data(), .count = 10, .name = "x"};
  auto refused = [&](auto change) {
    Collective bad = good;
    change(bad);
    try {
      group.run(bad);
      return ErrorCode::kInternal;
    } catch (const Error& error) {
      return error.code();
    }
  };
  const auto expected = ErrorCode::kInvalidArgument;
  EXPECT_EQ(expected, refused([](Collective& c) { c.dtype = DType::kInt8; }));
  EXPECT_EQ(expected, refused([](Collective& c) { c.data = nullptr; }));
  EXPECT_EQ(expected, refused([](Collective& c) { c.ticket = 5; }));
  EXPECT_EQ(expected, refused([](Collective& c) { c.wire = DType::kInt32; }));
  EXPECT_EQ(expected, refused([](Collective& c) { c.algorithm = Algorithm::kTree; }));
  EXPECT_EQ(expected, refused([](Collective& c) {
              c.kind = Kind::kBroadcast;
              c.root = 2;
            }));
  EXPECT_EQ(expected, refused([](Collective& c) {
              c.kind = Kind::kAllToAll;
              c.count = 9;
            }));
  // Nothing of that has used a ticket.
  const auto errors = on_all_ranks(groups, [](Group& mine) { mine.barrier(); });
  for (const auto& error : errors) EXPECT_EQ(error, "");
}

TEST_P(Faults, ATicketThatIsNeverStartedIsNamed) {
  Groups groups = GetParam().connect(2, {.timeout = 0.3});
  const auto errors = on_all_ranks(groups, [](Group& group) {
    const uint64_t ticket = group.reserve(2);
    float value = 1;
    group.run({.data = &value, .count = 1, .ticket = ticket + 1, .name = "second"});
  });
  for (const auto& error : errors) {
    EXPECT_THAT(error, AllOf(HasSubstr("'second'"), HasSubstr("ticket 0 was never started")));
  }
}

TEST_P(Faults, TheRecordOfTheLastCollectivesIsWritten) {
  const headrace::testing::TempFolder folder;
  Groups groups = GetParam().connect(2, {.flight_folder = folder.path()});
  const auto errors = on_all_ranks(groups, [](Group& group) {
    std::vector<float> data(1000, 1);
    for (int i = 0; i < 1100; ++i) {
      group.run({.data = data.data(), .count = data.size(), .name = "early"});
    }
    if (group.rank() == 0) group.abort("enough");
    group.run({.data = data.data(), .count = data.size(), .name = "late", .step = 12});
  });
  for (const auto& error : errors) EXPECT_THAT(error, HasSubstr("enough"));
  groups.clear();
  for (int rank : {0, 1}) {
    const auto path =
        folder.path() / ("headrace-rank" + std::to_string(rank) + "-collectives.json");
    std::ifstream file(path);
    ASSERT_TRUE(file) << path;
    const auto record = nlohmann::json::parse(file);
    EXPECT_EQ(record["rank"], rank);
    EXPECT_THAT(record["failure"].get<std::string>(), HasSubstr("enough"));
    const auto& all = record["collectives"];
    EXPECT_GE(all.size(), 1023u);
    EXPECT_LE(all.size(), 1024u);
    EXPECT_EQ(all.front()["state"], "done");
    EXPECT_LT(all.front()["ticket"], all.back()["ticket"]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Faults, ::testing::ValuesIn(wirings()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace headrace::comm
