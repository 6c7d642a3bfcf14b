#include "net_builders/data_parallel.h"

#include <algorithm>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "graph/graph.h"
#include "models/model.h"
#include "net_builders/train_step.h"
#include "tests/support/expect_error.h"
#include "tests/support/net_text.h"

namespace headrace {
namespace {

using ::testing::Contains;

constexpr int kBatch = 8;

/// A residual net: convolutions, normalisations, a sum whose gradient two branches share.
TrainStep residual(const Optimizer& optimizer) {
  const Model model = build_model("resnet8", {.batch = kBatch, .image = 8});
  TrainStep step(model.loss);
  step.optimizer(optimizer).schedule(fixed_rate(0.1f));
  return step;
}

NetDef one_worker() {
  return residual(MomentumSgd{.nesterov = true, .weight_decay = 1e-4f}).train_net();
}

bool writes(const OperatorDef& op, const std::string& blob) {
  return std::ranges::find(op.output(), blob) != op.output().end();
}
bool reads(const OperatorDef& op, const std::string& blob) {
  return std::ranges::find(op.input(), blob) != op.input().end();
}

/// Position of the Allreduce that leaves its sum in a blob.
int sum_of(const NetDef& net, const std::string& blob) {
  for (int i = 0; i < net.op_size(); ++i) {
    if (net.op(i).type() == "Allreduce" && writes(net.op(i), blob)) return i;
  }
  ADD_FAILURE() << "no Allreduce makes " << blob;
  return 0;
}

TEST(DataParallel, EveryGradientIsSummedOnceAndNothingElseIs) {
  for (int world : {1, 2, 4, 8}) {
    const NetDef net = data_parallel(one_worker(), world);
    const NetRoles roles = read_roles(net);
    std::multiset<std::string> summed;
    for (const OperatorDef& op : net.op()) {
      if (op.type() == "Allreduce") summed.insert(op.output(0));
    }
    std::multiset<std::string> expected(roles.gradients.begin(), roles.gradients.end());
    expected.insert({"mean_loss", "mean_accuracy", "mean_accuracy_top5"});
    EXPECT_EQ(summed, expected) << world;
  }
}

// What a gradient is before the sum, no backward operator may see after it, and what follows, no
// operator may see before.
TEST(DataParallel, ASumStandsBetweenBackwardAndUpdate) {
  const NetDef net = data_parallel(one_worker(), 2);
  for (const std::string& gradient : read_roles(net).gradients) {
    const int sum = sum_of(net, gradient);
    for (int i = 0; i < net.op_size(); ++i) {
      if (i == sum || !(reads(net.op(i), gradient) || writes(net.op(i), gradient))) continue;
      EXPECT_EQ(net.op(i).is_gradient_op(), i < sum) << gradient << " at operator " << i;
    }
  }
}

TEST(DataParallel, SumsStandInTheOrderOfTheBackwardPass) {
  const NetDef net = data_parallel(one_worker(), 2);
  // The classifier's gradients come first, the stem's last; each at once, and not at the end.
  const int last_backward = [&] {
    int last = 0;
    for (int i = 0; i < net.op_size(); ++i) {
      if (net.op(i).is_gradient_op()) last = i;
    }
    return last;
  }();
  EXPECT_LT(sum_of(net, "fc_w_grad"), sum_of(net, "res3_1/conv1_w_grad"));
  EXPECT_LT(sum_of(net, "res3_1/conv1_w_grad"), sum_of(net, "res1_1/conv1_w_grad"));
  EXPECT_LT(sum_of(net, "res1_1/conv1_w_grad"), sum_of(net, "conv1_w_grad"));
  EXPECT_LT(sum_of(net, "fc_w_grad"), last_backward);
  for (const std::string& gradient : read_roles(net).gradients) {
    int last = 0;
    for (int i = 0; i < sum_of(net, gradient); ++i) {
      if (writes(net.op(i), gradient)) last = i;
    }
    // Only other sums stand in between.
    for (int i = last + 1; i < sum_of(net, gradient); ++i) {
      EXPECT_EQ(net.op(i).type(), "Allreduce") << gradient << " waits for operator " << i;
    }
  }
}

// Equation (8): the decay is added to the sum.
TEST(DataParallel, WeightDecayIsAddedToTheSum) {
  const NetDef net = data_parallel(one_worker(), 4);
  int decays = 0;
  for (int i = 0; i < net.op_size(); ++i) {
    if (net.op(i).type() != "WeightedSum") continue;
    EXPECT_GT(i, sum_of(net, net.op(i).output(0)));
    ++decays;
  }
  EXPECT_EQ(decays, 11);  // nine convolutions, the classifier and its bias; no normalisation
}

// Remark 3: the loss is scaled, and with it the beginning of the backward pass; no gradient is.
TEST(DataParallel, TheLossIsScaledAndNoGradient) {
  const NetDef net = data_parallel(one_worker(), 4);
  std::vector<std::string> scaled;
  for (const OperatorDef& op : net.op()) {
    if (op.type() != "Scale") continue;
    ASSERT_EQ(op.arg_size(), 1);
    EXPECT_EQ(op.arg(0).f(), 0.25f);
    scaled.push_back(op.output(0));
  }
  EXPECT_THAT(scaled, ::testing::UnorderedElementsAre("loss", "loss_autogen_grad", "mean_accuracy",
                                                      "mean_accuracy_top5"));
}

TEST(DataParallel, EachWorkerTakesItsPartOfTheBatch) {
  const NetRoles before = read_roles(one_worker());
  const NetRoles roles = read_roles(data_parallel(one_worker(), 4));
  EXPECT_EQ(roles.world_size, 4);
  EXPECT_EQ(roles.world, "common_world");
  EXPECT_EQ(roles.batch_size, kBatch);
  for (size_t i = 0; i < roles.external_shapes.size(); ++i) {
    const auto& [blob, desc] = roles.external_shapes[i];
    Shape expected = before.external_shapes[i].second.shape;
    if (blob == "data") expected = {kBatch / 4, 3, 8, 8};
    if (blob == "label") expected = {kBatch / 4};
    EXPECT_EQ(desc.shape, expected) << blob;
  }
  testing::expect_error(ErrorCode::kInvalidArgument, "3 workers",
                        [&] { data_parallel(one_worker(), 3); });
}

TEST(DataParallel, TheNetStaysWellFormed) {
  for (const Optimizer& optimizer : {Optimizer(MomentumSgd{.weight_decay = 1e-4f}),
                                     Optimizer(Lars{.weight_decay = 1e-4f}), Optimizer(Adam{})}) {
    TrainStep step = residual(optimizer);
    step.clip_gradients(1).average_parameters(0.99f);
    graph::build_graph(data_parallel(step.train_net(), 2), {.strict = true});
    graph::build_graph(data_parallel_init(step.init_net(), 2), {.strict = true});
  }
}

// A norm over gradients is that of their sums.
TEST(DataParallel, GradientsAreClippedAfterTheSum) {
  TrainStep step = residual(MomentumSgd{});
  step.clip_gradients(1);
  const NetDef net = data_parallel(step.train_net(), 2);
  for (int i = 0; i < net.op_size(); ++i) {
    if (net.op(i).type() != "SumSqrElements") continue;
    EXPECT_GT(i, sum_of(net, net.op(i).input(0)));
  }
}

TEST(DataParallel, WorkersBeginWithTheSame) {
  const TrainStep step = residual(MomentumSgd{});
  const NetDef net = data_parallel_init(step.init_net(), 2);
  const NetRoles roles = read_roles(net);
  const auto lines = operators_of(net);
  for (const auto* names : {&roles.parameters, &roles.optimizer_state, &roles.statistics}) {
    EXPECT_FALSE(names->empty());
    for (const std::string& name : *names) {
      EXPECT_THAT(lines, Contains("Broadcast common_world " + name + " -> " + name));
    }
  }
  EXPECT_THAT(lines, Contains("Broadcast common_world iteration -> iteration"));
}

TEST(DataParallel, MeansOfStatisticsLeaveThoseOfTheWorkerAlone) {
  const NetDef train = data_parallel(one_worker(), 2);
  const NetDef net = mean_statistics_net(train);
  const NetRoles roles = read_roles(train);
  for (const std::string& statistic : roles.statistics) {
    for (const OperatorDef& op : net.op()) EXPECT_FALSE(writes(op, statistic));
    sum_of(net, statistic + "_mean");
  }
  EXPECT_EQ(net.op_size(), 2 * static_cast<int>(roles.statistics.size()));
}

TEST(DataParallel, RefusesWhatItCannotDo) {
  const NetDef twice = data_parallel(one_worker(), 2);
  testing::expect_error(ErrorCode::kState, "for 2 workers", [&] { data_parallel(twice, 2); });
  testing::expect_error(ErrorCode::kInvalidArgument, "found 0",
                        [&] { data_parallel(one_worker(), 0); });
  NetDef bare = one_worker();
  bare.clear_arg();
  testing::expect_error(ErrorCode::kInvalidNet, "parameters", [&] { data_parallel(bare, 2); });
  testing::expect_error(ErrorCode::kState, "not data-parallel",
                        [&] { mean_statistics_net(one_worker()); });
}

TEST(DataParallel, AnotherWorldIsRefusedWithTheCommandThatMakesTheRightNet) {
  const NetDef net = data_parallel(one_worker(), 2);
  require_world(net, 2);
  require_world(one_worker(), 1);
  testing::expect_error(ErrorCode::kState,
                        "headrace convert ONE_WORKER_NET.pbtxt NET.pbtxt --world 4",
                        [&] { require_world(net, 4); });
  testing::expect_error(ErrorCode::kState, "headrace launch -n 2", [&] { require_world(net, 1); });
}

}  // namespace
}  // namespace headrace
