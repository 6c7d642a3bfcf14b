// What is wrong with a training job is said before it trains, and costs nobody anything: neither
// files of their own nor an epoch.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "tests/support/temp_folder.h"
#include "tests/tools/process.h"
#include "tests/tools/small_data.h"
#include "tests/tools/train_results.h"

namespace headrace {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using testing::headrace;
using testing::lines_of;
using ::testing::Not;
using testing::ProcessResult;
using testing::read_file;
using testing::write_file;

/// Two iterations per epoch.
class TrainMistakes : public ::testing::Test {
 protected:
  TrainMistakes() { testing::write_small_data(folder_ / "data", 32, 10); }

  using Flags = std::vector<std::string>;
  ProcessResult run(const Flags& which, const Flags& more) const {
    Flags args = {"train"};
    args.insert(args.end(), which.begin(), which.end());
    args.insert(args.end(), {"--data", "fashion-mnist:data", "--threads", "1"});
    args.insert(args.end(), more.begin(), more.end());
    return headrace(args, folder_.path());
  }
  /// The job in the folder `out`.
  ProcessResult train(const Flags& more = {}) const {
    const bool has_epochs = std::ranges::find(more, "--epochs") != more.end();
    Flags flags = {"resnet8", "-o", "out"};
    if (!has_epochs) flags.insert(flags.end(), {"--epochs", "1"});
    if (std::ranges::find(more, "--batch") == more.end()) {
      flags.insert(flags.end(), {"--batch", "16"});
    }
    return run(flags, more);
  }
  void emit(const std::string& folder) const {
    const ProcessResult made = headrace(
        {"emit", "resnet8", "--batch", "16", "--channels", "1", "--image", "28", "-o", folder},
        folder_.path());
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  /// A job that names `own/resnet8_train_net.pbtxt`.
  ProcessResult train_own(const Flags& more) const {
    return run({"--net", "own/resnet8_train_net.pbtxt", "--epochs", "1"}, more);
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  testing::TempFolder folder_;
};

TEST_F(TrainMistakes, NetsThatAJobReadsAreNotReplacedByItsOwn) {
  emit("own");
  write_file(folder_ / "own/resnet8_train_plan.pbtxt", "name: \"mine\"");
  const auto nets = [&] {
    std::string all;
    for (const char* file : {"init_net", "train_net", "train_plan", "predict_net"}) {
      all += read_file(folder_ / "own" / ("resnet8_" + std::string(file) + ".pbtxt"));
    }
    return all;
  };
  const std::string before = nets();
  std::filesystem::create_directory_symlink("own", folder_ / "link");
  for (const Flags& flags : {Flags{"-o", "own"},
                             {"-o", "own", "--accumulate", "2"},
                             {"-o", "link"},
                             {"-o", "own", "--overwrite"}}) {
    const ProcessResult result = train_own(flags);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("this job reads the net 'own/resnet8_"));
    EXPECT_THAT(result.err, HasSubstr("give another folder with --output"));
    EXPECT_EQ(nets(), before);
    EXPECT_FALSE(exists("own/checkpoint.safetensors"));
  }
}

TEST_F(TrainMistakes, NetsOfAnotherFolderTrainGoOnAndStay) {
  emit("own");
  const std::string before = read_file(folder_ / "own/resnet8_train_net.pbtxt");
  for (const Flags& flags : {Flags{"-o", "other"}, {"-o", "other", "--resume"}}) {
    const ProcessResult result = train_own(flags);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
  EXPECT_EQ(read_file(folder_ / "own/resnet8_train_net.pbtxt"), before);
}

// Neither a mistake nor 0 %.
TEST_F(TrainMistakes, WhatANetDoesNotMeasureIsNotSaid) {
  emit("own");
  const auto path = folder_ / "own/resnet8_train_net.pbtxt";
  NetDef net = load_net(path);
  NetRoles roles = read_roles(net);
  ASSERT_FALSE(roles.accuracies.empty());
  auto& outputs = *net.mutable_external_output();
  auto& ops = *net.mutable_op();
  for (const std::string& accuracy : roles.accuracies) {
    const auto makes_it = [&](const OperatorDef& op) { return op.output(0) == accuracy; };
    const auto op = std::ranges::find_if(ops, makes_it);
    ASSERT_NE(op, ops.end());
    ops.erase(op);
    const auto output = std::ranges::find(outputs, accuracy);
    if (output != outputs.end()) outputs.erase(output);
  }
  roles.accuracies.clear();
  roles.learning_rate.clear();
  write_roles(roles, net);
  save_net(net, path);

  const ProcessResult result = train_own({"-o", "out", "--log-every", "1", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, ContainsRegex("epoch 1/1: loss [0-9.]+; test loss"));
  EXPECT_THAT(result.err, Not(HasSubstr("rate")));
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_TRUE(report["epochs"][0]["train_accuracy"].is_null());
  int steps = 0;
  for (const auto& line : lines_of(folder_ / "out/log.jsonl")) {
    if (line["event"] != "step") continue;
    ++steps;
    EXPECT_TRUE(line["accuracy"].is_null()) << line;
    EXPECT_TRUE(line["learning_rate"].is_null()) << line;
    EXPECT_GT(line["loss"], 0) << line;
  }
  EXPECT_EQ(steps, 2);
  const ProcessResult resumed = train_own({"-o", "out", "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
}

TEST_F(TrainMistakes, APredictionThatIsNoneIsSaidBeforeTraining) {
  ProcessResult result = train({"--prediction-blob", "softmaxx"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("'softmaxx'"));
  result = train({"--prediction-blob", "conv1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("'conv1' of the prediction net is float32"));
  EXPECT_FALSE(exists("out/log.jsonl"));

  emit("own");
  write_file(folder_ / "own/predict.pbtxt",
             "op { type: \"Sum\" input: \"data\" input: \"mine\" output: \"softmax\" } "
             "external_input: \"data\" external_input: \"mine\" external_output: \"softmax\"");
  result = train_own({"-o", "out", "--predict-net", "own/predict.pbtxt"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the prediction net reads 'mine', which the init net"));
  EXPECT_FALSE(exists("out/log.jsonl"));
}

TEST_F(TrainMistakes, ATimelineThatCannotBeWrittenIsSaidBeforeTraining) {
  ProcessResult result = train({"--trace", "none/t.json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("--trace: cannot write 'none/t.json', because there is no"));
  EXPECT_FALSE(exists("out/log.jsonl"));

  // Seen only when it is written: the result is there already.
  std::filesystem::create_directory(folder_ / "t.json");
  result = train({"--trace", "t.json"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_TRUE(exists("out/resnet8_trained_init_net.pb"));

  // There is nothing left to run.
  result = train({"--resume", "--trace", "out/t.json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("'out/t.json' is not written: no iteration was left to run"));
}

TEST_F(TrainMistakes, ADamagedCheckpointIsOverwritten) {
  ASSERT_EQ(train().exit_code, 0);
  const auto file = folder_ / "out/checkpoint.safetensors";
  const std::string whole = read_file(file);
  write_file(file, whole.substr(0, whole.size() / 2));
  ProcessResult result = train();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("no whole safetensors file"));
  result = train({"--overwrite"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("; --overwrite begins anew"));
  EXPECT_EQ(train({"--resume"}).exit_code, 0);  // it is whole again
}

TEST_F(TrainMistakes, WhatCountsTheProgressCannotChange) {
  ASSERT_EQ(train().exit_code, 0);
  ProcessResult result = train({"--resume", "--allow-changes", "--batch", "8", "--epochs", "2"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the batch of all ranks was 16 and is 8 now"));
  testing::write_small_data(folder_ / "data", 48, 10);
  result = train({"--resume", "--allow-changes", "--epochs", "2"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("the number of samples was 32 and is 48 now"));
  testing::write_small_data(folder_ / "data", 32, 10);

  // Micro-batches are as many images in all.
  result = train({"--resume", "--allow-changes", "--epochs", "2", "--accumulate", "2"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(exists("out/resnet8_train_plan.pbtxt"));
  EXPECT_FALSE(exists("out/resnet8_train_net.pbtxt"));
  EXPECT_EQ(lines_of(folder_ / "out/log.jsonl").back()["iteration"], 4);
}

TEST_F(TrainMistakes, MoreIterationsThanCanBeCountedAreRefused) {
  const ProcessResult result = train({"--epochs", "1e18"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("cannot be counted"));
}

TEST_F(TrainMistakes, WhatWasTrainedForLongerIsNotPassedOffAsLess) {
  ASSERT_EQ(train({"--epochs", "2"}).exit_code, 0);
  const ProcessResult result = train({"--resume", "--allow-changes", "--epochs", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("the checkpoint is of iteration 4, and 1 epoch would end with iteration"));
}

}  // namespace
}  // namespace headrace
