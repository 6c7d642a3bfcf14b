// The gradients of ResNet-50 (161 tensors, 102.23 MB) in few collectives. What is counted is the
// plan; images are small, because buckets depend on parameters alone.
#include "graph/buckets.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "comm/planned_world.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "graph/plan.h"
#include "models/model.h"
#include "net_builders/data_parallel.h"
#include "net_builders/train_step.h"

namespace headrace::comm {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

NetDef resnet50(int world) {
  const Model model = build_model("resnet50", {.batch = 16, .image = 32});
  TrainStep step(model.loss);
  step.optimizer(MomentumSgd{.momentum = 0.9f}).schedule(fixed_rate(0.1f));
  return data_parallel(step.train_net(), world);
}

TEST(Buckets, OfResNet50AreFewAndHoldEveryGradientOnce) {
  for (int world : {2, 8}) {
    const NetDef net = resnet50(world);
    const NetRoles roles = read_roles(net);
    CompileOptions options;
    options.worlds = {{roles.world, std::make_shared<PlannedWorld>(world)}};
    const auto plan =
        compile(net, {roles.external_shapes.begin(), roles.external_shapes.end()}, options);
    ASSERT_LE(plan->tickets.size(), 16u);
    ASSERT_GE(plan->tickets.size(), 3u);

    std::multiset<std::string> summed;
    for (const graph::OpId id : plan->tickets) {
      const graph::Op& op = plan->graph.ops[static_cast<size_t>(id)];
      for (size_t i = 1; i < op.inputs.size(); ++i) {
        summed.insert(plan->graph.values[static_cast<size_t>(op.inputs[i])].name);
      }
    }
    // Nothing is copied: a copy would have another name.
    for (const std::string& gradient : roles.gradients) EXPECT_EQ(summed.count(gradient), 1u);

    const auto bytes_of = [&](graph::OpId id) {
      return plan->nodes[static_cast<size_t>(id)].collective.bytes;
    };
    size_t all = 0;
    for (const graph::OpId id : plan->tickets) all += bytes_of(id);
    EXPECT_GE(all, size_t{102'228'128});  // 25,557,032 numbers
    EXPECT_LT(all, size_t{102'228'128} + kMiB);
    // Nothing is left to be computed that could hide the last one.
    EXPECT_LE(bytes_of(plan->tickets.back()), kMiB);
  }
}

}  // namespace
}  // namespace headrace::comm
