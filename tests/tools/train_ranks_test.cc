// headrace train as several processes: one job, whose results are those of one process but for what
// batch normalisation sees, and which stops and goes on together.
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tests/tools/small_data.h"
#include "tests/tools/train_results.h"
#include "tools/train/checkpoint.h"

namespace headrace {
namespace {

using testing::Process;
using testing::ProcessResult;
using testing::TempFolder;
using tools::Checkpoint;
using tools::load_checkpoint;

constexpr int kRanks = 2;

class TrainRanks : public ::testing::Test {
 protected:
  TrainRanks() { testing::write_small_data(folder_.path() / "data", 96, 21); }

  std::filesystem::path at(const std::string& name) const { return folder_.path() / name; }

  std::vector<std::string> arguments(const std::string& out, int ranks, int epochs) const {
    std::vector<std::string> all = {"train",           "resnet8",
                                    "--batch",         "16",
                                    "--epochs",        std::to_string(epochs),
                                    "--learning-rate", "0.5",
                                    "--threads",       "1",
                                    "--log-every",     "1",
                                    "--data",          "fashion-mnist:" + at("data").string(),
                                    "--output",        at(out).string()};
    if (ranks > 1) {
      all.insert(all.end(), {"--world", std::to_string(ranks), "--store",
                             "file:" + at(out + "-store" + std::to_string(starts_)).string()});
    }
    return all;
  }

  /// Starts all ranks.
  std::vector<std::unique_ptr<Process>> start(const std::string& out,
                                              const std::vector<std::string>& more = {},
                                              int epochs = 2) {
    ++starts_;
    std::vector<std::unique_ptr<Process>> ranks;
    for (int rank = 0; rank < kRanks; ++rank) {
      std::vector<std::string> all = arguments(out, kRanks, epochs);
      all.insert(all.end(), {"--rank", std::to_string(rank)});
      all.insert(all.end(), more.begin(), more.end());
      ranks.push_back(std::make_unique<Process>(all));
    }
    return ranks;
  }

  void train(const std::string& out, const std::vector<std::string>& more = {}) {
    for (auto& rank : start(out, more)) {
      const ProcessResult result = rank->wait();
      EXPECT_EQ(result.exit_code, 0) << result.err;
    }
  }

  Checkpoint checkpoint(const std::string& out, int rank) const {
    return load_checkpoint(at(out) /
                           (rank == 0 ? "checkpoint.safetensors" : "checkpoint-rank1.safetensors"));
  }

  /// All ranks of two jobs have come to the same, bit for bit.
  void expect_same_ranks(const std::string& a, const std::string& b) const {
    for (const char* file : {"checkpoint.safetensors", "checkpoint-rank1.safetensors"}) {
      testing::expect_same(at(a) / file, at(b) / file);
    }
  }

  /// A job that is stopped and resumed, with these flags, is one that was not.
  void goes_on_bit_for_bit(const std::vector<std::string>& more);

  TempFolder folder_;
  int starts_ = 0;
};

bool same(const Tensor& a, const Tensor& b) {
  return a.desc() == b.desc() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

TEST_F(TrainRanks, AllRanksHaveTheSameParametersAndEachItsStatistics) {
  train("out");
  const Checkpoint first = checkpoint("out", 0);
  const Checkpoint second = checkpoint("out", 1);
  int different = 0;
  for (const auto& [name, tensor] : first.tensors) {
    const bool statistic = name.ends_with("_rm") || name.ends_with("_riv");
    const bool equal = same(tensor, second.tensors.at(name));
    EXPECT_TRUE(statistic || equal) << name;
    if (statistic && !equal) ++different;
  }
  EXPECT_GT(different, 0);
  // Evaluated together: both know the same.
  ASSERT_EQ(first.state.epochs.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(first.state.epochs[i].test_loss, second.state.epochs[i].test_loss);
    EXPECT_EQ(first.state.epochs[i].train_loss, second.state.epochs[i].train_loss);
  }
  EXPECT_TRUE(std::filesystem::exists(at("out") / "resnet8_trained_init_net.pb"));
}

// 21 images in batches of 8 between two ranks: each counts once.
TEST_F(TrainRanks, EvaluationCountsEveryImageOnce) {
  train("out");
  const double accuracy = checkpoint("out", 0).state.epochs.back().test_accuracy;
  EXPECT_NEAR(accuracy * 21, std::round(accuracy * 21), 1e-9);
}

TEST_F(TrainRanks, GoesOnBitForBit) { goes_on_bit_for_bit({}); }

TEST_F(TrainRanks, GoesOnBitForBitWithMicroBatches) { goes_on_bit_for_bit({"--accumulate", "4"}); }

TEST_F(TrainRanks, IterationsInOneRunAreTheSameIterations) {
  train("one");
  train("three", {"--unroll", "3"});
  expect_same_ranks("one", "three");
}

// Footnote 5 of Goyal et al. (2017): the sum of two gradients has the same bits wherever they were
// computed. What normalisation remembers for evaluation is each worker's own.
TEST_F(TrainRanks, MicroBatchesAreRanks) {
  train("ranks");
  std::vector<std::string> all = arguments("alone", 1, 2);
  all.insert(all.end(), {"--accumulate", "2"});
  const ProcessResult result = testing::headrace(all);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Checkpoint ranks = checkpoint("ranks", 0);
  const Checkpoint alone = checkpoint("alone", 0);
  EXPECT_EQ(alone.state.iteration, ranks.state.iteration);
  EXPECT_EQ(alone.state.iteration, 12);
  for (const auto& [name, tensor] : ranks.tensors) {
    const bool statistic = name.ends_with("_rm") || name.ends_with("_riv");
    EXPECT_TRUE(statistic || same(tensor, alone.tensors.at(name))) << name;
  }
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(alone.state.epochs[i].train_loss, ranks.state.epochs[i].train_loss);
    EXPECT_EQ(alone.state.epochs[i].train_accuracy, ranks.state.epochs[i].train_accuracy);
    EXPECT_EQ(alone.state.epochs[i].learning_rate, ranks.state.epochs[i].learning_rate);
  }
}

void TrainRanks::goes_on_bit_for_bit(const std::vector<std::string>& more) {
  train("whole", more);
  std::vector<std::string> with_checkpoints = more;
  with_checkpoints.insert(with_checkpoints.end(), {"--checkpoint-every", "1"});
  auto ranks = start("parts", with_checkpoints);
  while (ranks[0]->running() && !std::filesystem::exists(at("parts") / "checkpoint.safetensors")) {
  }
  ranks[1]->send(SIGINT);  // one is asked, all stop
  for (auto& rank : ranks) {
    const ProcessResult result = rank->wait();
    EXPECT_TRUE(result.exit_code == 0 || result.exit_code == 3) << result.exit_code << result.err;
  }
  std::vector<std::string> resume = more;
  resume.emplace_back("--resume");
  train("parts", resume);
  expect_same_ranks("whole", "parts");
}

// What the timeline says about communication: a file and a share per rank, a line in the log.
TEST_F(TrainRanks, EachRankWritesATimeline) {
  const auto file = at("t.json");
  for (auto& rank : start("out", {"--trace", file.string()})) {
    const ProcessResult result = rank->wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_NE(result.err.find("hidden behind computation"), result.err.npos) << result.err;
  }
  for (int rank = 0; rank < kRanks; ++rank) {
    const auto path = rank == 0 ? file : at("t-rank1.json");
    const auto trace = nlohmann::json::parse(testing::read_file(path));
    EXPECT_EQ(trace["distributedInfo"]["rank"], rank);
    EXPECT_EQ(trace["distributedInfo"]["world_size"], kRanks);
  }
  std::istringstream log(testing::read_file(at("out") / "log.jsonl"));
  nlohmann::json timeline;
  for (std::string line; std::getline(log, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event["event"] == "timeline") timeline = event;
  }
  ASSERT_FALSE(timeline.is_null());
  const double exposed = timeline["exposed_communication"].get<double>();
  EXPECT_GT(exposed + timeline["hidden_communication"].get<double>(), 0);
  EXPECT_LE(exposed, timeline["seconds"].get<double>());
  EXPECT_EQ(timeline["runs"], 10);
}

TEST_F(TrainRanks, AnotherWorldIsRefusedWithTheCommand) {
  train("out");
  const ProcessResult result = testing::headrace(
      {"train", "--net", (at("out") / "resnet8_train_net.pbtxt").string(), "--data",
       "fashion-mnist:" + at("data").string(), "--output", at("other").string()});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_NE(result.err.find("headrace launch -n 2"), result.err.npos) << result.err;
  EXPECT_NE(result.err.find("convert ONE_WORKER_NET.pbtxt NET.pbtxt"), result.err.npos);
}

// A rank that ends takes the others along, at once.
TEST_F(TrainRanks, ADeadRankEndsTheJob) {
  auto ranks = start("out", {"--checkpoint-every", "1"}, /*epochs=*/1000);
  while (ranks[0]->running() && !std::filesystem::exists(at("out") / "checkpoint.safetensors")) {
  }
  ranks[1]->send(SIGKILL);
  const ProcessResult result = ranks[0]->wait(std::chrono::seconds(20));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("rank 1"), result.err.npos) << result.err;
}

}  // namespace
}  // namespace headrace
