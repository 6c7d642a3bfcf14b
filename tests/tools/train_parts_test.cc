// Parts of training: the checkpoint file, which one ranks have in common, what predictions are
// worth, the line that shows progress, the log.
#include <algorithm>
#include <cmath>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/safetensors.h"
#include "tests/support/disk_full.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"
#include "tools/train/checkpoint.h"
#include "tools/train/checkpoint_files.h"
#include "tools/train/evaluator.h"
#include "tools/train/progress.h"
#include "tools/train/train_log.h"

namespace headrace::tools {
namespace {

using testing::expect_error;
using testing::read_file;
using testing::TempFolder;
using ::testing::UnorderedElementsAre;
using testing::write_file;

TensorFile some_tensors() {
  TensorFile file;
  file.texts = {{"name", "a \"quoted\" text"}, {"zeta", "1"}};
  file.tensors.emplace("w", Tensor::from<float>({2, 2}, {1, -0.0f, 3e38f, 1e-40f}));
  file.tensors.emplace("Iteration", Tensor::from<int64_t>({1}, {int64_t{1} << 40}));
  file.tensors.emplace("scalar", Tensor::scalar<double>(0.1));
  file.tensors.emplace("none", Tensor({0, 3}, DType::kFloat32));
  file.tensors.emplace("flags", Tensor::from<uint8_t>({3}, {0, 1, 255}));
  return file;
}

TEST(Safetensors, RoundTripsEveryBit) {
  const TempFolder folder;
  const TensorFile saved = some_tensors();
  save_tensors(saved, folder / "file");
  const TensorFile loaded = load_tensors(folder / "file");
  EXPECT_EQ(loaded.texts, saved.texts);
  ASSERT_EQ(loaded.tensors.size(), saved.tensors.size());
  for (const auto& [name, tensor] : saved.tensors) {
    const Tensor& found = loaded.tensors.at(name);
    EXPECT_EQ(found.desc(), tensor.desc()) << name;
    EXPECT_EQ(std::memcmp(found.raw(), tensor.raw(), tensor.bytes()), 0) << name;
  }
}

// By the format's definition (github.com/huggingface/safetensors): a 64-bit length, a JSON object,
// elements without gaps at the offsets that it gives.
TEST(Safetensors, IsTheFormatThatOthersRead) {
  const TempFolder folder;
  save_tensors(some_tensors(), folder / "file");
  const std::string bytes = read_file(folder / "file");
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  EXPECT_EQ(header["w"]["dtype"], "F32");
  EXPECT_EQ(header["Iteration"]["dtype"], "I64");
  EXPECT_EQ(header["w"]["shape"], (std::vector<int>{2, 2}));
  EXPECT_EQ(header["__metadata__"]["zeta"], "1");
  const size_t begin = header["w"]["data_offsets"][0];
  float first = 0;
  std::memcpy(&first, bytes.data() + 8 + length + begin, 4);
  EXPECT_EQ(first, 1.0f);
  std::vector<std::pair<size_t, size_t>> places;
  for (const auto& [name, entry] : header.items()) {
    if (name != "__metadata__")
      places.emplace_back(entry["data_offsets"][0], entry["data_offsets"][1]);
  }
  std::ranges::sort(places);
  size_t end = 0;
  for (const auto& [from, to] : places) {
    EXPECT_EQ(from, end);
    end = to;
  }
  EXPECT_EQ(8 + length + end, bytes.size());
}

TEST(Safetensors, EveryDamageIsSeen) {
  const TempFolder folder;
  save_tensors(some_tensors(), folder / "file");
  const std::string whole = read_file(folder / "file");
  for (size_t size = 0; size < whole.size(); ++size) {
    write_file(folder / "cut", whole.substr(0, size));
    expect_error(ErrorCode::kCorrupt, "cut", [&] { load_tensors(folder / "cut"); });
  }
  for (size_t byte = 0; byte < whole.size(); ++byte) {
    std::string damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << (byte % 8)));
    write_file(folder / "damaged", damaged);
    expect_error(ErrorCode::kCorrupt, "damaged", [&] { load_tensors(folder / "damaged"); });
  }
  write_file(folder / "longer", whole + "x");
  expect_error(ErrorCode::kCorrupt, "longer", [&] { load_tensors(folder / "longer"); });
  expect_error(ErrorCode::kNotFound, "nowhere", [&] { load_tensors(folder / "nowhere"); });
}

TEST(Safetensors, AFullDiskLeavesTheOldFile) {
  const TempFolder folder;
  save_tensors(some_tensors(), folder / "file");
  const std::string before = read_file(folder / "file");
  TensorFile large = some_tensors();
  large.tensors.emplace("large", Tensor({1000, 1000}, DType::kUInt8));
  {
    const testing::DiskFull full(100'000);
    expect_error(ErrorCode::kIo, [&] { save_tensors(large, folder / "file"); });
  }
  EXPECT_EQ(read_file(folder / "file"), before);
  EXPECT_EQ(folder.names(), std::vector<std::string>{"file"});
}

TEST(Checkpoint, RoundTripsTheState) {
  const TempFolder folder;
  Checkpoint saved;
  saved.state.iteration = 12345678901;
  saved.state.sums = {.loss = 0.1 + 0.2, .accuracy = 1.0 / 3, .iterations = 7};
  saved.state.logged = {.weight = 3, .loss = 0.1 * 3, .accuracy = 0.7, .seconds = 1e-3};
  saved.state.epochs = {{.epoch = 1, .train_loss = 1e-17, .test_accuracy = 0.9153},
                        {.epoch = 2, .train_accuracy = 0.25, .learning_rate = 0.1}};
  saved.state.setup["batch"] = "128";
  saved.tensors = some_tensors().tensors;
  save_checkpoint(saved, folder / "c");
  const Checkpoint loaded = load_checkpoint(folder / "c");
  EXPECT_EQ(loaded.state.iteration, saved.state.iteration);
  EXPECT_EQ(loaded.state.sums.loss, saved.state.sums.loss);
  EXPECT_EQ(loaded.state.sums.accuracy, saved.state.sums.accuracy);
  EXPECT_EQ(loaded.state.sums.iterations, 7);
  EXPECT_EQ(loaded.state.logged.weight, 3);
  EXPECT_EQ(loaded.state.logged.loss, saved.state.logged.loss);
  EXPECT_EQ(loaded.state.logged.accuracy, 0.7);
  EXPECT_EQ(loaded.state.logged.seconds, 1e-3);
  ASSERT_EQ(loaded.state.epochs.size(), 2u);
  EXPECT_EQ(loaded.state.epochs[0].train_loss, 1e-17);
  EXPECT_EQ(loaded.state.epochs[0].test_accuracy, 0.9153);
  EXPECT_EQ(loaded.state.epochs[0].train_accuracy, std::nullopt);
  EXPECT_EQ(loaded.state.epochs[0].learning_rate, std::nullopt);
  EXPECT_EQ(loaded.state.epochs[1].train_accuracy, 0.25);
  EXPECT_EQ(loaded.state.epochs[1].learning_rate, 0.1);
  EXPECT_EQ(loaded.state.setup, saved.state.setup);
  EXPECT_EQ(loaded.tensors.size(), saved.tensors.size());

  save_tensors(some_tensors(), folder / "tensors");
  expect_error(ErrorCode::kCorrupt, "not the state of a training job",
               [&] { load_checkpoint(folder / "tensors"); });
}

Evaluation count(const std::vector<float>& scores, const std::vector<int32_t>& labels) {
  const auto rows = static_cast<int64_t>(labels.size());
  const auto columns = static_cast<int64_t>(scores.size()) / rows;
  Evaluation sums;
  count_predictions(Tensor::from<float>({rows, columns}, scores),
                    Tensor::from<int32_t>({rows}, labels), sums);
  return sums;
}

TEST(CountPredictions, TiesGoToTheLowerClass) {
  EXPECT_EQ(count({0.4f, 0.4f, 0.2f}, {0}).correct, 1);
  EXPECT_EQ(count({0.4f, 0.4f, 0.2f}, {1}).correct, 0);
  EXPECT_EQ(count({0, 0, 1, 0, 0, 0, 0}, {3}).correct_top5, 1);  // 2, 0, 1, 3, 4 are the first five
  EXPECT_EQ(count({0, 0, 1, 0, 0, 0, 0}, {5}).correct_top5, 0);
}

TEST(CountPredictions, LossIsTheCrossEntropy) {
  const Evaluation of_probabilities = count({0.25f, 0.75f, 0.5f, 0.5f}, {1, 0});
  EXPECT_NEAR(of_probabilities.loss(), -(std::log(0.75) + std::log(0.5)) / 2, 1e-6);
  // The softmax of scores 0 and log 3 is 1/4 and 3/4.
  EXPECT_NEAR(count({0, std::log(3.0f)}, {1}).loss(), -std::log(0.75), 1e-6);
  EXPECT_NEAR(count({1000, 998}, {1}).loss(), 2 + std::log1p(std::exp(-2.0)), 1e-6);
}

TEST(CountPredictions, RefusesWhatMakesNoSense) {
  expect_error(ErrorCode::kNumeric, "label 2 is not below the 2 classes", [] {
    count({0.5f, 0.5f}, {2});
  });
  expect_error(ErrorCode::kNumeric, "label -1", [] { count({0.5f, 0.5f}, {-1}); });
  expect_error(ErrorCode::kNumeric, "NaN", [] { count({0.5f, NAN}, {0}); });
  expect_error(ErrorCode::kShapeMismatch, "2 rows", [] {
    Evaluation sums;
    count_predictions(Tensor({3, 2}, DType::kFloat32), Tensor::from<int32_t>({2}, {0, 0}), sums);
  });
}

TEST(ProgressLine, FillsTheRoomThereIs) {
  const ProgressState state{.iteration = 975,
                            .iterations = 1875,
                            .epoch = 2.08,
                            .epochs = 4,
                            .loss = 0.31234,
                            .accuracy = 0.889,
                            .learning_rate = 0.0834,
                            .images_per_second = 1912.3,
                            .seconds_left = 61};
  const std::string text =
      " 52 %  loss 0.3123  accuracy 88.9 %  rate 0.0834  1,912 images/s  ETA 1:01";
  EXPECT_EQ(progress_line(state, 0), "epoch 3/4  " + text);
  const std::string wide = progress_line(state, 120);
  EXPECT_TRUE(wide.starts_with("epoch 3/4 ━"));
  EXPECT_TRUE(wide.ends_with("─" + (" " + text)));
}

TEST(ProgressLine, LeavesOutWhatIsNotMeasured) {
  const ProgressState state{.iteration = 1, .iterations = 2, .loss = 0.5, .images_per_second = 10};
  EXPECT_EQ(progress_line(state, 0), "epoch 1/1   50 %  loss 0.5000  10 images/s  ETA 0:00");
}

TEST(TrainLog, DropsALineThatWasNotFinished) {
  const TempFolder folder;
  write_file(folder / "log", "{\"a\":1}\n{\"b\":");
  { TrainLog(folder / "log", TrainLog::Mode::kAppend).write({{"c", 3}}); }
  EXPECT_EQ(read_file(folder / "log"), "{\"a\":1}\n{\"c\":3}\n");
  { TrainLog(folder / "log", TrainLog::Mode::kNew).write({{"d", 4}}); }
  EXPECT_EQ(read_file(folder / "log"), "{\"d\":4}\n");
  expect_error(ErrorCode::kIo, "/no/such/folder",
               [] { TrainLog("/no/such/folder/log", TrainLog::Mode::kNew); });
}

// What each rank may be left with, wherever a job is killed: it writes one checkpoint after the
// other, and none while another rank has not written the one before.
TEST(CommonCheckpoints, TheNewestThatAllHave) {
  constexpr CheckpointId kFour{.iteration = 4}, kEight{.iteration = 8},
      kEpoch{.iteration = 8, .epochs = 1};
  CommonCheckpoint common = common_checkpoint({{}, {}});
  EXPECT_EQ(common.id, std::nullopt);
  EXPECT_EQ(common.reason, "");
  common = common_checkpoint({{kFour}, {}, {}});
  EXPECT_EQ(common.id, std::nullopt);
  EXPECT_EQ(common.reason, "ranks 1, 2 have not the checkpoint of iteration 4");
  EXPECT_EQ(common.lacking, (std::vector<size_t>{1, 2}));
  common = common_checkpoint({{kFour}, {kFour}});
  EXPECT_EQ(common.id, kFour);
  EXPECT_EQ(common.reason, "");
  common = common_checkpoint({{kEight, kFour}, {kFour}});
  EXPECT_EQ(common.id, kFour);
  EXPECT_EQ(common.reason, "rank 1 has not the checkpoint of iteration 8");
  // All have written it; only some know.
  common = common_checkpoint({{kEight}, {kEight, kFour}});
  EXPECT_EQ(common.id, kEight);
  EXPECT_EQ(common.reason, "");
  // Before and after its evaluation.
  common = common_checkpoint({{kEight}, {kEpoch, kEight}});
  EXPECT_EQ(common.id, kEight);
  EXPECT_EQ(common.reason, "rank 0 has not the checkpoint of iteration 8 with 1 epoch evaluated");
}

TEST(CommonCheckpoints, WhatNoKilledJobLeavesIsAnError) {
  constexpr CheckpointId kFour{.iteration = 4}, kEight{.iteration = 8};
  expect_error(ErrorCode::kCorrupt,
               "rank 0: the checkpoint of iteration 8, the checkpoint of iteration 4", [&] {
                 common_checkpoint({{kEight, kFour}, {}});
               });
  expect_error(ErrorCode::kCorrupt, "rank 1: the checkpoint of iteration 4", [&] {
    common_checkpoint({{kEight}, {kFour}});
  });
}

Checkpoint checkpoint_of(int64_t iteration) {
  Checkpoint checkpoint;
  checkpoint.state.iteration = iteration;
  checkpoint.tensors = some_tensors().tensors;
  return checkpoint;
}

TEST(CheckpointsOfARank, KeepTheOneBeforeUntilAllHaveTheLast) {
  const TempFolder folder;
  CheckpointFiles files(folder.path(), 1);
  EXPECT_TRUE(files.load().ids().empty());
  files.save(checkpoint_of(4));
  files.save(checkpoint_of(8));
  EXPECT_THAT(folder.names(),
              UnorderedElementsAre("checkpoint-rank1.safetensors", "previous-rank1.safetensors"));
  EXPECT_EQ(files.load().ids(), (std::vector<CheckpointId>{{.iteration = 8}, {.iteration = 4}}));
  files.go_back();
  EXPECT_EQ(files.load().ids(), (std::vector<CheckpointId>{{.iteration = 4}}));
  files.save(checkpoint_of(8));
  files.drop_previous();
  EXPECT_EQ(files.load().ids(), (std::vector<CheckpointId>{{.iteration = 8}}));
  {
    const testing::DiskFull full(100);
    expect_error(ErrorCode::kIo, "checkpoint-rank1.safetensors': File too large",
                 [&] { files.save(checkpoint_of(12)); });
  }
  EXPECT_EQ(files.load().ids(), (std::vector<CheckpointId>{{.iteration = 8}}));
  files.remove_all();
  EXPECT_TRUE(folder.names().empty());
}

}  // namespace
}  // namespace headrace::tools
