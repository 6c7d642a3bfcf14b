// headrace emit, run as from the command line.
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "core/proto/netron.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/session.h"
#include "models/model.h"
#include "tests/support/temp_folder.h"
#include "tools/command.h"

namespace headrace::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result headrace(std::vector<std::string> words) {
  words.insert(words.begin(), "headrace");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Result result;
  result.code = run_command_line(static_cast<int>(argv.size()), argv.data());
  result.out = ::testing::internal::GetCapturedStdout();
  result.err = ::testing::internal::GetCapturedStderr();
  return result;
}

TEST(Emit, WritesThreeNetsAndSaysWhere) {
  testing::TempFolder folder;
  const std::string out = (folder.path() / "new" / "deep").string();
  const Result result = headrace({"emit", "resnet8", "--batch", "6", "--image", "28", "--channels",
                                  "1", "--epochs", "4", "-o", out});
  ASSERT_EQ(result.code, kOk) << result.err;
  const std::string prefix = out + "/resnet8";
  EXPECT_EQ(result.out, prefix + "_init_net.pbtxt\n" + prefix + "_train_net.pbtxt\n" + prefix +
                            "_predict_net.pbtxt\n");
  const NetDef train = load_net(prefix + "_train_net.pbtxt");
  const NetRoles roles = read_roles(train);
  EXPECT_EQ(roles.batch_size, 6);
  EXPECT_EQ(roles.epoch_size, 50'000);
  ASSERT_EQ(roles.external_shapes[0].first, "data");
  EXPECT_EQ(roles.external_shapes[0].second.shape, (Shape{6, 1, 28, 28}));
  const NetDef predict = load_net(prefix + "_predict_net.pbtxt");
  EXPECT_EQ(read_roles(predict).phase, "predict");
  EXPECT_EQ(read_roles(load_net(prefix + "_init_net.pbtxt")).phase, "init");
  EXPECT_THAT(netron_problems(train, FileFormat::kText, NetRole::kPredict), IsEmpty());
  EXPECT_THAT(netron_problems(predict, FileFormat::kText, NetRole::kPredict), IsEmpty());
}

TEST(Emit, ValuesAreTheRandomNumbersOfTheInitNet) {
  testing::TempFolder folder;
  const std::string prefix = folder.path().string() + "/resnet8";
  const Result without =
      headrace({"emit", "resnet8", "--batch", "2", "-o", folder.path().string()});
  ASSERT_EQ(without.code, kOk) << without.err;
  EXPECT_THAT(without.err, HasSubstr("With --values"));
  const Result with = headrace(
      {"emit", "resnet8", "--batch", "2", "--values", "--seed", "7", "-o", folder.path().string()});
  ASSERT_EQ(with.code, kOk) << with.err;
  EXPECT_THAT(with.out, HasSubstr(prefix + "_init_net.pb\n"));
  EXPECT_THAT(with.err, Not(HasSubstr("Netron")));

  const NetDef random = load_net(prefix + "_init_net.pbtxt");
  const NetDef given = load_net(prefix + "_init_net.pb");
  EXPECT_THAT(netron_problems(random, FileFormat::kText, NetRole::kInit), Not(IsEmpty()));
  EXPECT_THAT(netron_problems(given, FileFormat::kBinary, NetRole::kInit), IsEmpty());
  ThreadPool pool;
  Workspace drawn, written, other;
  run_once(random, drawn, pool, 7);
  run_once(given, written, pool, 99);  // no random numbers are left in it
  run_once(random, other, pool, 8);
  int differ = 0;
  for (const OperatorDef& op : random.op()) {
    const std::string& name = op.output(0);
    const Tensor value = drawn.fetch(name);
    ASSERT_EQ(written.fetch(name).desc(), value.desc()) << name;
    EXPECT_EQ(std::memcmp(written.fetch(name).raw(), value.raw(), value.bytes()), 0) << name;
    differ += std::memcmp(other.fetch(name).raw(), value.raw(), value.bytes()) != 0;
  }
  EXPECT_EQ(differ, 10);  // nine convolutions and the last layer
}

TEST(Emit, TheSameCommandWritesTheSameBytes) {
  testing::TempFolder folder;
  const std::string a = (folder.path() / "a").string(), b = (folder.path() / "b").string();
  ASSERT_EQ(headrace({"emit", "resnet20", "--batch", "2", "-o", a}).code, kOk);
  ASSERT_EQ(headrace({"emit", "resnet20", "--batch", "2", "-o", b}).code, kOk);
  for (const char* net : {"init", "train", "predict"}) {
    const std::string file = std::string("/resnet20_") + net + "_net.pbtxt";
    EXPECT_EQ(serialize(load_net(a + file), FileFormat::kText),
              serialize(load_net(b + file), FileFormat::kText));
  }
}

/// The operator of that type in the training net that the flags make; fails without one.
OperatorDef emitted(const std::string& type, std::vector<std::string> flags) {
  testing::TempFolder folder;
  const std::string out = folder.path().string();
  flags.insert(flags.begin(), {"emit", "resnet8", "--batch", "512", "-o", out});
  const Result result = headrace(flags);
  EXPECT_EQ(result.code, kOk) << result.err;
  if (result.code != kOk) return {};
  const NetDef net = load_net(out + "/resnet8_train_net.pbtxt");
  for (const OperatorDef& op : net.op()) {
    if (op.type() == type) return op;
  }
  ADD_FAILURE() << "no " << type;
  return {};
}

float real(const OperatorDef& op, const std::string& name) {
  for (const Argument& arg : op.arg()) {
    if (arg.name() == name) return arg.f();
  }
  ADD_FAILURE() << op.type() << " has no " << name;
  return 0;
}

TEST(Emit, FlagsReachTheNet) {
  EXPECT_FLOAT_EQ(real(emitted("LearningRate", {}), "base_lr"), 0.2f);  // 0.1 * 512 / 256
  EXPECT_FLOAT_EQ(
      real(emitted("LearningRate", {"--reference-batch", "0", "--warmup", "none"}), "base_lr"),
      0.1f);
  EXPECT_FLOAT_EQ(real(emitted("LearningRate", {"--epochs", "18"}), "warmup_epochs"), 1);
  EXPECT_FLOAT_EQ(real(emitted("LearningRate", {"--decay", "poly", "--power", "3"}), "power"), 3);
  EXPECT_FLOAT_EQ(
      real(emitted("LearningRate", {"--momentum-correction", "threshold"}), "ratio_threshold"),
      1.1f);
  EXPECT_FLOAT_EQ(real(emitted("MomentumSGDUpdate", {"--momentum", "0.8"}), "momentum"), 0.8f);
  emitted("MomentumSGD", {"--momentum-form", "reference"});
  emitted("Lars", {"--optimizer", "lars"});
  EXPECT_FLOAT_EQ(
      real(emitted("LearningRate", {"--optimizer", "lars", "--momentum-correction", "threshold"}),
           "ratio_threshold"),
      1.1f);
  EXPECT_FLOAT_EQ(real(emitted("Adam", {"--optimizer", "adam", "--beta2", "0.99"}), "beta2"),
                  0.99f);
  emitted("SumSqrElements", {"--clip-gradients", "1"});
}

TEST(Emit, ListsAllModels) {
  const Result result = headrace({"emit", "--list"});
  EXPECT_EQ(result.code, kOk);
  for (const ModelDefinition* model : models()) EXPECT_THAT(result.out, HasSubstr(model->name));
  EXPECT_THAT(result.out, HasSubstr("25557032"));  // ResNet-50
}

TEST(EmitError, WrongCommandLines) {
  testing::TempFolder folder;
  const std::string out = folder.path().string();
  const std::vector<std::pair<std::vector<std::string>, const char*>> wrong{
      {{"emit", "-o", out, "--batch", "2"}, "MODEL"},
      {{"emit", "resnet8", "-o", out}, "--batch"},
      {{"emit", "resnet8", "--batch", "2"}, "--output"},
      {{"emit", "resnet8", "--batch", "0", "-o", out}, "--batch"},
      {{"emit", "resnet8", "--batch", "2", "-o", out, "--optimizer", "adam", "--nesterov"},
       "--nesterov has no meaning with --optimizer adam"},
      {{"emit", "resnet8", "--batch", "2", "-o", out, "--decay", "cosine", "--gamma", "0.1"},
       "--gamma has no meaning with --decay cosine"},
      {{"emit", "resnet8", "--batch", "2", "-o", out, "--optimizer", "sdg"}, "sdg"},
  };
  for (const auto& [words, part] : wrong) {
    const Result result = headrace(words);
    EXPECT_EQ(result.code, kUsage) << part;
    EXPECT_THAT(result.err, HasSubstr(part));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(EmitError, WhatCannotBeDone) {
  testing::TempFolder folder;
  const std::string out = folder.path().string();
  const Result unknown = headrace({"emit", "resnet51", "--batch", "2", "-o", out});
  EXPECT_EQ(unknown.code, kFailed);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'resnet50'"));
  const Result small = headrace({"emit", "alexnet", "--batch", "2", "--image", "32", "-o", out});
  EXPECT_EQ(small.code, kFailed);
  EXPECT_THAT(small.err, HasSubstr("MaxPool"));
  const Result nowhere = headrace({"emit", "resnet8", "--batch", "2", "-o", "/dev/null/nets"});
  EXPECT_EQ(nowhere.code, kFailed);
  EXPECT_THAT(nowhere.err, HasSubstr("/dev/null/nets"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace headrace::tools
