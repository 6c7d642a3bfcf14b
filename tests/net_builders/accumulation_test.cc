#include "net_builders/accumulation.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "graph/graph.h"
#include "models/model.h"
#include "net_builders/data_parallel.h"
#include "net_builders/train_step.h"
#include "tests/support/expect_error.h"
#include "tests/support/net_text.h"

namespace headrace {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kBatch = 8;

TrainStep residual() {
  const Model model = build_model("resnet8", {.batch = kBatch, .image = 8});
  TrainStep step(model.loss);
  step.optimizer(MomentumSgd{.nesterov = true, .weight_decay = 1e-4f})
      .schedule(linear_scaling(0.1f, 4).warmup(epochs(1)))
      .epoch_size(64);
  step.clip_gradients(1).average_parameters(0.9f);
  return step;
}

NetDef one_worker() { return residual().train_net(); }

int position_of(const NetDef& net, const std::string& line) {
  const auto lines = operators_of(net);
  const auto found = std::ranges::find(lines, line);
  EXPECT_NE(found, lines.end()) << line;
  return static_cast<int>(found - lines.begin());
}

std::string add_up(const std::string& gradient) {
  return "Sum " + gradient + "_sum " + gradient + " -> " + gradient + "_sum";
}
std::string take_sum(const std::string& gradient) {
  return "Sum " + gradient + " " + gradient + "_sum -> " + gradient;
}

TEST(Accumulation, AddsUpEveryGradientAndChangesNothingElse) {
  const NetDef net = accumulate_gradients(one_worker(), 4).network(kAccumulateNet);
  const NetRoles roles = read_roles(one_worker());
  std::set<std::string> allowed(roles.statistics.begin(), roles.statistics.end());
  for (const std::string& gradient : roles.gradients) {
    EXPECT_THAT(operators_of(net), Contains(add_up(gradient)));
    allowed.insert(gradient + "_sum");
  }
  allowed.insert({"loss_sum", "mean_accuracy_sum", "mean_accuracy_top5_sum"});
  // Whatever outlives the run of a net is an external input.
  std::set<std::string> changed;
  const std::set<std::string> inputs(net.external_input().begin(), net.external_input().end());
  for (const OperatorDef& op : net.op()) {
    for (const std::string& blob : op.output()) {
      if (inputs.contains(blob)) changed.insert(blob);
    }
  }
  EXPECT_EQ(changed, allowed);
}

TEST(Accumulation, TheUpdateSeesTheSumOfAllMicroBatches) {
  const NetDef net = accumulate_gradients(one_worker(), 4).network(kUpdateNet);
  for (const std::string& gradient : read_roles(net).gradients) {
    const int sum = position_of(net, take_sum(gradient));
    EXPECT_LT(sum, position_of(net, "ConstantFill -> " + gradient + "_sum"));
    for (int i = 0; i < net.op_size(); ++i) {
      const auto& op = net.op(i);
      if (i == sum || std::ranges::find(op.input(), gradient) == op.input().end()) continue;
      EXPECT_EQ(op.is_gradient_op(), i < sum) << gradient << " at operator " << i;
    }
  }
}

TEST(Accumulation, OneSumOverMicroBatchesIsCommunicated) {
  const PlanDef plan = data_parallel(accumulate_gradients(one_worker(), 2), 2);
  const NetDef& accumulate = plan.network(kAccumulateNet);
  for (const OperatorDef& op : accumulate.op()) EXPECT_NE(op.type(), "Allreduce");
  EXPECT_THAT(accumulate.external_input(), Not(Contains("common_world")));
  const NetDef& update = plan.network(kUpdateNet);
  std::multiset<std::string> summed;
  for (const OperatorDef& op : update.op()) {
    if (op.type() == "Allreduce") summed.insert(op.output(0));
  }
  const NetRoles roles = read_roles(update);
  std::multiset<std::string> expected(roles.gradients.begin(), roles.gradients.end());
  expected.insert({"mean_loss", "mean_accuracy", "mean_accuracy_top5"});
  EXPECT_EQ(summed, expected);
  for (const std::string& gradient : roles.gradients) {
    EXPECT_EQ(position_of(update, "Allreduce common_world " + gradient + " -> " + gradient),
              position_of(update, take_sum(gradient)) + 1);
  }
}

// Remark 3 of Goyal et al. (2017): the loss is divided by all parts of an iteration at once.
TEST(Accumulation, TheLossIsDividedByWorkersTimesMicroBatches) {
  const PlanDef plan = data_parallel(accumulate_gradients(one_worker(), 4), 2);
  for (const NetDef& net : plan.network()) {
    std::vector<std::string> scaled;
    for (const OperatorDef& op : net.op()) {
      if (op.type() != "Scale") continue;
      EXPECT_EQ(op.arg(0).f(), 0.125f);
      scaled.push_back(op.output(0));
    }
    EXPECT_THAT(scaled, ::testing::UnorderedElementsAre("loss", "loss_autogen_grad",
                                                        "mean_accuracy", "mean_accuracy_top5"));
  }
}

TEST(Accumulation, TheRecipeStaysThatOfTheWholeBatch) {
  const PlanDef plan = accumulate_gradients(one_worker(), 4);
  const NetRoles roles = read_roles(plan.network(kUpdateNet));
  EXPECT_EQ(roles.batch_size, kBatch);
  EXPECT_EQ(roles.micro_batches, 4);
  const auto rate = [](const NetDef& net) {
    const auto op = std::ranges::find(net.op(), "LearningRate", &OperatorDef::type);
    return op->ShortDebugString();
  };
  EXPECT_EQ(rate(plan.network(kUpdateNet)), rate(one_worker()));
  for (const NetDef& net : plan.network()) {
    for (const auto& [blob, desc] : read_roles(net).external_shapes) {
      if (blob == "data" || blob == "label") {
        EXPECT_EQ(desc.shape[0], kBatch / 4) << blob;
      }
    }
  }
}

TEST(Accumulation, ThePlanHoldsBothNets) {
  const PlanDef plan = accumulate_gradients(one_worker(), 4);
  require_accumulation(plan);
  const auto& steps = plan.execution_step(0).substep();
  ASSERT_EQ(steps.size(), 2);
  EXPECT_EQ(steps[0].network(0), plan.network(kAccumulateNet).name());
  EXPECT_EQ(steps[0].num_iter(), 3);
  EXPECT_EQ(steps[1].network(0), plan.network(kUpdateNet).name());
  EXPECT_EQ(steps[1].num_iter(), 1);
  for (const NetDef& net : plan.network()) graph::build_graph(net, {.strict = true});
  const NetDef init = with_accumulators(residual().init_net(), plan.network(kUpdateNet));
  graph::build_graph(data_parallel_init(init, 2), {.strict = true});
}

TEST(Accumulation, RefusesWhatItCannotDo) {
  using testing::expect_error;
  for (int count : {-1, 0, 1}) {
    expect_error(ErrorCode::kInvalidArgument, "found " + std::to_string(count),
                 [&] { accumulate_gradients(one_worker(), count); });
  }
  expect_error(ErrorCode::kInvalidArgument, "1 worker, 3 micro-batches each",
               [] { accumulate_gradients(one_worker(), 3); });
  const PlanDef cut = accumulate_gradients(one_worker(), 4);
  expect_error(ErrorCode::kInvalidArgument, "4 workers, 4 micro-batches each",
               [&] { data_parallel(cut, 4); });
  expect_error(ErrorCode::kState, "accumulation comes first",
               [] { accumulate_gradients(data_parallel(one_worker(), 2), 2); });
  expect_error(ErrorCode::kState, "4 micro-batches already",
               [&] { accumulate_gradients(cut.network(kUpdateNet), 2); });
  NetDef bare = one_worker();
  bare.clear_arg();
  expect_error(ErrorCode::kInvalidNet, "parameters", [&] { accumulate_gradients(bare, 2); });
  NetRoles roles = read_roles(one_worker());
  roles.external_shapes.clear();
  bare = one_worker();
  write_roles(roles, bare);
  expect_error(ErrorCode::kInvalidNet, "external_shapes", [&] { accumulate_gradients(bare, 2); });
  expect_error(ErrorCode::kInvalidArgument, "adds up no gradients",
               [] { with_accumulators(residual().init_net(), one_worker()); });
  PlanDef plan;
  *plan.add_network() = one_worker();
  expect_error(ErrorCode::kInvalidNet, "none of gradient accumulation",
               [&] { data_parallel(plan, 2); });
}

}  // namespace
}  // namespace headrace
