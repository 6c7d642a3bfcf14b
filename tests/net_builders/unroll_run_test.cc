// Training steps in one plan: what they compute is what they compute one by one, and the next one
// does not wait for the end of the one before.
#include <algorithm>

#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "graph/reachability.h"
#include "net_builders/data_parallel.h"
#include "tests/net_builders/small_problem.h"
#include "tests/support/workers.h"

namespace headrace {
namespace {

using graph::step_name;
using testing::images;
using testing::kSamples;
using testing::labels;
using testing::Parameters;
using testing::Workers;

constexpr int kSteps = 6;

Workers make_workers(const TrainStep& step, int world, int steps) {
  Workers::Options options{.threads = 2, .concurrent = 2, .buckets = {.first = 64, .last = 64}};
  options.readable = {"mean_loss"};
  options.unroll = {.steps = steps, .fed = {"data", "label"}};
  return Workers(world, data_parallel_init(step.init_net(), world),
                 data_parallel(step.train_net(), world), options);
}

/// The parameters of kSteps steps, so many in a run.
Parameters train(Workers& workers, const TrainStep& step, int steps) {
  const int each = kSamples / workers.size();
  for (int t = 0; t < kSteps; t += steps) {
    workers.each([&](int rank, Workers::Worker& worker) {
      for (int k = 0; k < steps; ++k) {
        worker.workspace.feed(step_name("data", k, steps), images(t + k, rank * each, each));
        worker.workspace.feed(step_name("label", k, steps), labels(t + k, rank * each, each));
      }
      worker.session->run(static_cast<uint64_t>(t));
    });
  }
  return testing::parameters_of(step, workers[0]);
}

TEST(UnrollRun, GivesTheSameBits) {
  const TrainStep step = testing::step_of({.normalise = true});
  for (int world : {1, 2}) {
    Workers one_by_one = make_workers(step, world, 1);
    const Parameters expected = train(one_by_one, step, 1);
    for (int steps : {2, 3, 6}) {
      Workers workers = make_workers(step, world, steps);
      EXPECT_EQ(train(workers, step, steps), expected) << world << " ranks, " << steps << " steps";
    }
  }
}

// The memory of gradients serves one step after the other, and activations too.
TEST(UnrollRun, TakesTheMemoryOfOneStep) {
  const TrainStep step = testing::step_of({.normalise = true});
  Workers one = make_workers(step, 2, 1);
  Workers many = make_workers(step, 2, 6);
  one.each([](int, Workers::Worker& worker) { worker.workspace.feed("data", images(0, 0, 12)); });
  for (Workers* workers : {&one, &many}) {
    for (int k = 0; k < 6; ++k) {
      workers->each([&](int, Workers::Worker& worker) {
        worker.workspace.feed(step_name("data", k, 6), images(0, 0, 12));
        worker.workspace.feed(step_name("label", k, 6), labels(0, 0, 12));
      });
    }
  }
  const Plan& single = one[0].session->plan();
  const Plan& unrolled = many[0].session->plan();
  EXPECT_GT(single.storage.bucket_bytes, 0u);
  EXPECT_EQ(unrolled.storage.bucket_bytes, single.storage.bucket_bytes);
  EXPECT_LE(unrolled.storage.arena_bytes(), single.storage.arena_bytes() * 5 / 4);
  EXPECT_EQ(unrolled.tickets.size(), 6 * single.tickets.size());
}

// A layer of the next step waits for the update of its own weights, not for those of later layers.
TEST(UnrollRun, TheNextStepBeginsAsParametersArrive) {
  const TrainStep step = testing::step_of({});
  Workers workers = make_workers(step, 2, 2);
  for (int k = 0; k < 2; ++k) {
    workers[0].workspace.feed(step_name("data", k, 2), images(0, 0, 12));
    workers[0].workspace.feed(step_name("label", k, 2), labels(0, 0, 12));
  }
  const Plan& plan = workers[0].session->plan();
  std::vector<std::pair<int, int>> edges;
  for (const graph::Edge& edge : plan.edges) edges.emplace_back(edge.from, edge.to);
  const graph::Reachability order(static_cast<int>(plan.nodes.size()), edges);
  const auto writers = [&](const std::string& blob) {
    std::vector<int> ops;
    for (const graph::Value& value : plan.graph.values) {
      if (value.name == blob && value.producer != graph::kNone) ops.push_back(value.producer);
    }
    return ops;
  };
  const auto first_layer = std::ranges::find_if(
      plan.graph.ops, [](const graph::Op& op) { return op.step == 1 && op.type() == "Conv"; });
  ASSERT_NE(first_layer, plan.graph.ops.end());
  const int conv = static_cast<int>(first_layer - plan.graph.ops.begin());
  EXPECT_TRUE(order.reaches(writers("conv1_w").front(), conv));
  EXPECT_FALSE(order.reaches(writers("conv2_w").front(), conv));
  EXPECT_FALSE(order.reaches(writers("fc1_w").front(), conv));
}

}  // namespace
}  // namespace headrace
