#include "net_builders/train_step.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "graph/graph.h"
#include "tests/support/net_text.h"
#include "tests/support/temp_folder.h"

namespace headrace {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Small {
  Net net{"small"};
  Value loss;

  Small() : loss(build()) {}
  Value build() {
    Value x = net.input("data", {4, 3, 8, 8});
    x = x.conv({.filters = 2, .kernel = 3}).batch_norm().relu();
    return x.fc(5).softmax_cross_entropy(net.labels("label", 4));
  }
  TrainStep step(Optimizer optimizer) const {
    TrainStep step(loss);
    step.optimizer(std::move(optimizer)).schedule(fixed_rate(0.1f));
    return step;
  }
};

/// From the first operator of that type on.
std::vector<std::string> from(const NetDef& net, const std::string& type) {
  int first = 0;
  while (first < net.op_size() && net.op(first).type() != type) ++first;
  return operators_of(net, first);
}

TEST(TrainStep, ForwardThenBackward) {
  const NetDef net = Small().step(MomentumSgd{}).train_net();
  auto lines = operators_of(net);
  lines.resize(10);
  EXPECT_THAT(
      lines,
      ElementsAre("Conv data conv1_w -> conv1",
                  "SpatialBN conv1 bn1_s bn1_b bn1_rm bn1_riv -> bn1 bn1_rm bn1_riv bn1_sm bn1_siv",
                  "Relu bn1 -> relu1", "FC relu1 fc1_w fc1_b -> fc1",
                  "SoftmaxWithLoss fc1 label -> softmax loss",
                  "ConstantFill loss -> loss_autogen_grad",
                  "SoftmaxWithLossGradient fc1 label softmax loss_autogen_grad -> fc1_grad",
                  "FCGradient relu1 fc1_w fc1_grad -> fc1_w_grad fc1_b_grad relu1_grad",
                  "ReluGradient relu1 relu1_grad -> bn1_grad",
                  "SpatialBNGradient conv1 bn1_s bn1_grad bn1_sm bn1_siv -> conv1_grad bn1_s_grad "
                  "bn1_b_grad"));
}

// The form in which the rate is in the buffer, Goyal et al. (10): one Caffe2 operator per
// parameter. Its optional fifth input is the correction of the momentum.
TEST(TrainStep, MomentumWithTheRateInTheBuffer) {
  const MomentumSgd sgd{.momentum = 0.9f, .nesterov = true, .weight_decay = 1e-4f};
  EXPECT_THAT(
      from(Small().step(sgd).train_net(), "WeightedSum"),
      ElementsAre(
          "WeightedSum conv1_w_grad one conv1_w weight_decay -> conv1_w_grad",
          "WeightedSum fc1_w_grad one fc1_w weight_decay -> fc1_w_grad",
          "WeightedSum fc1_b_grad one fc1_b weight_decay -> fc1_b_grad",
          "LearningRate iteration -> learning_rate learning_rate_ratio",
          "MomentumSGDUpdate conv1_w_grad conv1_w_momentum learning_rate conv1_w "
          "learning_rate_ratio -> conv1_w_grad conv1_w_momentum conv1_w",
          "MomentumSGDUpdate bn1_s_grad bn1_s_momentum learning_rate bn1_s learning_rate_ratio -> "
          "bn1_s_grad bn1_s_momentum bn1_s",
          "MomentumSGDUpdate bn1_b_grad bn1_b_momentum learning_rate bn1_b learning_rate_ratio -> "
          "bn1_b_grad bn1_b_momentum bn1_b",
          "MomentumSGDUpdate fc1_w_grad fc1_w_momentum learning_rate fc1_w learning_rate_ratio -> "
          "fc1_w_grad fc1_w_momentum fc1_w",
          "MomentumSGDUpdate fc1_b_grad fc1_b_momentum learning_rate fc1_b learning_rate_ratio -> "
          "fc1_b_grad fc1_b_momentum fc1_b",
          "Iter iteration -> iteration"));
}

TEST(TrainStep, WithoutCorrectionItIsCaffe2sNet) {
  const auto lines =
      operators_of(Small().step(MomentumSgd{.momentum_correction = false}).train_net());
  EXPECT_THAT(lines, Contains("LearningRate iteration -> learning_rate"));
  EXPECT_THAT(lines, Contains("MomentumSGDUpdate fc1_b_grad fc1_b_momentum learning_rate fc1_b -> "
                              "fc1_b_grad fc1_b_momentum fc1_b"));
  EXPECT_THAT(lines, Not(Contains(StartsWith("WeightedSum")))) << "decay 0 is no operator";
}

TEST(TrainStep, ReferenceForm) {
  const auto lines =
      operators_of(Small().step(MomentumSgd{.form = MomentumForm::kReference}).train_net());
  EXPECT_THAT(lines, AllOf(Contains("MomentumSGD fc1_b_grad fc1_b_momentum one -> fc1_b_grad "
                                    "fc1_b_momentum"),
                           Contains("WeightedSum fc1_b one fc1_b_grad negative_learning_rate -> "
                                    "fc1_b"),
                           Contains("Scale learning_rate -> negative_learning_rate")));
}

TEST(TrainStep, LarsLeavesVectorsAlone) {
  const auto lines = operators_of(Small().step(Lars{.weight_decay = 1e-4f}).train_net());
  EXPECT_THAT(
      lines, AllOf(Contains("Lars fc1_w fc1_w_grad weight_decay lars_trust lars_max_rate -> "
                            "fc1_w_lars"),
                   Contains("Mul fc1_w_lars learning_rate -> fc1_w_learning_rate"),
                   Contains("WeightedSum fc1_w_grad one fc1_w weight_decay -> fc1_w_grad"),
                   Contains("MomentumSGDUpdate fc1_w_grad fc1_w_momentum fc1_w_learning_rate fc1_w "
                            "learning_rate_ratio -> fc1_w_grad fc1_w_momentum fc1_w"),
                   Contains("MomentumSGDUpdate fc1_b_grad fc1_b_momentum learning_rate fc1_b "
                            "learning_rate_ratio -> fc1_b_grad fc1_b_momentum fc1_b")));
  EXPECT_THAT(lines, Not(Contains(StartsWith("Lars bn1"))));
  EXPECT_THAT(lines, Not(Contains(StartsWith("WeightedSum fc1_b_grad"))));
  // The trust ratio is made from the gradient before the decay is added.
  auto at = [&](const char* begin) {
    return std::ranges::find_if(lines, [&](auto& line) { return line.starts_with(begin); });
  };
  EXPECT_LT(at("Lars fc1_w"), at("WeightedSum fc1_w_grad"));
}

TEST(TrainStep, Adam) {
  const auto lines = operators_of(Small().step(Adam{}).train_net());
  EXPECT_THAT(lines, Contains("Adam fc1_w fc1_w_mean fc1_w_mean_square fc1_w_grad "
                              "negative_learning_rate iteration -> fc1_w fc1_w_mean "
                              "fc1_w_mean_square"));
}

TEST(TrainStep, ClippingComesBeforeTheDecayAndTakesAllGradients) {
  TrainStep step = Small().step(MomentumSgd{.weight_decay = 1e-4f});
  step.clip_gradients(2);
  const auto lines = from(step.train_net(), "SumSqrElements");
  EXPECT_THAT(std::vector(lines.begin() + 5, lines.begin() + 15),
              ElementsAre("Sum conv1_w_grad_square bn1_s_grad_square bn1_b_grad_square "
                          "fc1_w_grad_square fc1_b_grad_square -> gradient_norm_square",
                          "Pow gradient_norm_square -> gradient_norm",
                          "Max gradient_norm gradient_norm_limit -> gradient_norm_bound",
                          "Div gradient_norm_limit gradient_norm_bound -> gradient_clip_factor",
                          "Mul conv1_w_grad gradient_clip_factor -> conv1_w_grad",
                          "Mul bn1_s_grad gradient_clip_factor -> bn1_s_grad",
                          "Mul bn1_b_grad gradient_clip_factor -> bn1_b_grad",
                          "Mul fc1_w_grad gradient_clip_factor -> fc1_w_grad",
                          "Mul fc1_b_grad gradient_clip_factor -> fc1_b_grad",
                          "WeightedSum conv1_w_grad one conv1_w weight_decay -> conv1_w_grad"));
}

TEST(TrainStep, AveragesFollowTheUpdate) {
  TrainStep step = Small().step(MomentumSgd{});
  step.average_parameters(0.999f);
  const auto lines = operators_of(step.train_net());
  EXPECT_EQ(lines[lines.size() - 2],
            "WeightedSum fc1_b_average average_decay fc1_b average_growth -> fc1_b_average");
  EXPECT_THAT(operators_of(step.init_net()), Contains("Copy fc1_b -> fc1_b_average"));
  EXPECT_EQ(read_roles(step.train_net()).averages.size(), 5u);
}

TEST(TrainStep, RolesSayWhatTheBlobsAre) {
  TrainStep step = Small().step(MomentumSgd{.weight_decay = 1e-4f});
  step.schedule(linear_scaling(0.1f, 256)).epoch_size(1000);
  const NetRoles roles = read_roles(step.train_net());
  EXPECT_EQ(roles.phase, "train");
  EXPECT_THAT(roles.data, ElementsAre("data"));
  EXPECT_THAT(roles.labels, ElementsAre("label"));
  EXPECT_THAT(roles.losses, ElementsAre("loss"));
  EXPECT_THAT(roles.parameters, ElementsAre("conv1_w", "bn1_s", "bn1_b", "fc1_w", "fc1_b"));
  EXPECT_THAT(roles.gradients,
              ElementsAre("conv1_w_grad", "bn1_s_grad", "bn1_b_grad", "fc1_w_grad", "fc1_b_grad"));
  EXPECT_EQ(roles.optimizer_state.size(), 5u);
  EXPECT_THAT(roles.statistics, ElementsAre("bn1_rm", "bn1_riv"));
  EXPECT_EQ(roles.learning_rate, "learning_rate");
  EXPECT_EQ(roles.iteration, "iteration");
  EXPECT_EQ(roles.batch_size, 4);
  EXPECT_EQ(roles.epoch_size, 1000);
  EXPECT_EQ(roles.reference_rate, 0.1f);
  EXPECT_EQ(roles.reference_batch, 256);
}

TEST(TrainStep, InitFillsWhateverTheOtherNetsReadBesidesData) {
  TrainStep step = Small().step(MomentumSgd{.weight_decay = 1e-4f});
  step.average_parameters(0.9f).clip_gradients(1);
  std::set<std::string> filled{"data", "label"};
  const NetDef init = step.init_net();
  for (const OperatorDef& op : init.op()) {
    EXPECT_TRUE(filled.insert(op.output(0)).second) << op.output(0) << " twice";
  }
  std::set<std::string> read;
  for (const NetDef& net : {step.train_net(), step.predict_net()}) {
    read.insert(net.external_input().begin(), net.external_input().end());
  }
  EXPECT_EQ(filled, read);
}

TEST(TrainStep, AllThreeNetsPassTheStrictCheck) {
  for (const Optimizer& optimizer : {Optimizer(MomentumSgd{.weight_decay = 1e-4f}),
                                     Optimizer(Lars{.weight_decay = 1e-4f}), Optimizer(Adam{})}) {
    TrainStep step = Small().step(optimizer);
    step.average_parameters(0.9f).clip_gradients(1).epoch_size(1000).schedule(
        linear_scaling(0.1f, 2).warmup(epochs(5)).decay(0.1f, at_epochs({30, 60, 80})));
    for (const NetDef& net : {step.train_net(), step.init_net(), step.predict_net()}) {
      EXPECT_NO_THROW(graph::build_graph(net, {.strict = true})) << net.name();
    }
  }
}

TEST(TrainStep, FrozenParametersHaveNeitherGradientNorUpdate) {
  TrainStep step = Small().step(MomentumSgd{});
  step.freeze("conv1");
  const NetDef net = step.train_net();
  for (const std::string& line : operators_of(net)) {
    EXPECT_THAT(line, Not(HasSubstr("conv1_w_grad")));
  }
  EXPECT_THAT(read_roles(net).parameters, Not(Contains("conv1_w")));
  EXPECT_THAT(read_roles(step.init_net()).parameters, Contains("conv1_w"));
}

TEST(TrainStep, SeveralLosses) {
  Net net("two");
  Value x = net.input("data", {4, 6}).fc(6);
  Value label = net.labels("label", 4);
  Value main = x.softmax_cross_entropy(label);
  Value auxiliary = x.fc(3).softmax_cross_entropy(label).scale(0.3f);
  TrainStep step({main, auxiliary});
  step.optimizer(MomentumSgd{}).schedule(fixed_rate(0.1f));
  EXPECT_THAT(operators_of(step.train_net()), Contains(StartsWith("Sum fc1_grad")));
  EXPECT_THAT(read_roles(step.train_net()).losses, ElementsAre("loss", "scale1"));
  EXPECT_THAT(operators_of(step.predict_net()),
              ElementsAre("FC data fc1_w fc1_b -> fc1", "Softmax fc1 -> softmax"));
}

TEST(TrainStep, AnOptimizerOfOnesOwn) {
  struct PlainSgd {
    void emit(UpdateNet&) const {}
  };
  // An optimizer that changes nothing still counts steps.
  const auto lines = operators_of(Small().step(PlainSgd{}).train_net());
  EXPECT_EQ(lines.back(), "Iter iteration -> iteration");
}

TEST(TrainStep, SavesThreeFilesThatLoad) {
  testing::TempFolder folder;
  const std::string prefix = (folder.path() / "small").string();
  TrainStep step = Small().step(MomentumSgd{});
  step.save(prefix);
  auto same = [](const NetDef& a, const NetDef& b) {
    return a.SerializeAsString() == b.SerializeAsString();
  };
  EXPECT_TRUE(same(load_net(prefix + "_train_net.pbtxt"), step.train_net()));
  EXPECT_TRUE(same(load_net(prefix + "_init_net.pbtxt"), step.init_net()));
  EXPECT_TRUE(same(load_net(prefix + "_predict_net.pbtxt"), step.predict_net()));
}

TEST(TrainStepError, WhatIsMissingOrDoesNotFit) {
  Small small;
  EXPECT_THROW(TrainStep(small.loss).train_net(), Error);
  EXPECT_THROW(TrainStep(std::vector<Value>{}), Error);
  EXPECT_THROW(TrainStep(small.net.input("more", {4, 2})), Error) << "no number";
  EXPECT_THROW(TrainStep(small.loss).epoch_size(0), Error);
  EXPECT_THROW(TrainStep(small.loss).clip_gradients(0), Error);
  EXPECT_THROW(TrainStep(small.loss).average_parameters(1), Error);
  EXPECT_THROW(TrainStep(small.loss).freeze("conv2"), Error);
  EXPECT_THROW(small.step(MomentumSgd{.momentum = 1}).train_net(), Error);
  EXPECT_THROW(
      small.step(MomentumSgd{.form = MomentumForm::kReference, .momentum_correction = false})
          .train_net(),
      Error);
  EXPECT_THROW(small.step(MomentumSgd{.weight_decay = -1}).train_net(), Error);
  TrainStep epochs_unknown = small.step(MomentumSgd{});
  epochs_unknown.schedule(fixed_rate(1).cosine_decay(epochs(4)));
  EXPECT_THROW(epochs_unknown.train_net(), Error);
}

TEST(TrainStepError, AParameterThatDoesNotReachTheLoss) {
  Net net("unconnected");
  Value x = net.input("data", {4, 6});
  x.fc(2, {.name = "unused"});
  Value loss = x.fc(3).softmax_cross_entropy(net.labels("label", 4));
  TrainStep step(loss);
  step.optimizer(MomentumSgd{}).schedule(fixed_rate(0.1f));
  try {
    step.train_net();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'unused_w' has no gradient"));
  }
}

}  // namespace
}  // namespace headrace
