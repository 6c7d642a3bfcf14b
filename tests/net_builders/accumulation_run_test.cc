// Micro-batches against workers: footnote 5 of Goyal et al. (2017), by which large worlds are
// simulated on a few machines. The reference is data_parallel() with as many workers.
#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "graph/plan_runner.h"
#include "net_builders/accumulation.h"
#include "net_builders/data_parallel.h"
#include "tests/net_builders/small_problem.h"
#include "tests/support/workers.h"

namespace headrace::testing {
namespace {

constexpr int kSteps = 4;

struct Result {
  std::vector<Parameters> parameters;  // after each step
  std::vector<float> losses;
};

/// Trains with so many workers, each with so many micro-batches; a worker's samples are in a row.
Result train(const TrainStep& step, int world, int micro_batches) {
  NetDef init = step.init_net();
  NetDef update = step.train_net();
  NetDef accumulate;
  if (micro_batches > 1) {
    const PlanDef plan = accumulate_gradients(update, micro_batches);
    accumulate = data_parallel(plan.network(kAccumulateNet), world);
    update = plan.network(kUpdateNet);
    init = with_accumulators(init, update);
  }
  update = data_parallel(update, world);
  const std::string loss = read_roles(update).mean_losses.at(0);
  Workers workers(world, data_parallel_init(init, world), update, {});
  const int each = kSamples / world / micro_batches;
  std::vector<std::unique_ptr<Session>> accumulating(static_cast<size_t>(world));
  Result result;
  for (int t = 0; t < kSteps; ++t) {
    workers.each([&](int rank, Workers::Worker& worker) {
      for (int i = 0; i < micro_batches; ++i) {
        const int first = (rank * micro_batches + i) * each;
        worker.workspace.feed("data", images(t, first, each));
        worker.workspace.feed("label", labels(t, first, each));
        const bool last = i + 1 == micro_batches;
        auto& session = last ? worker.session : accumulating[static_cast<size_t>(rank)];
        if (session == nullptr) session = workers.make_session(worker, accumulate);
        session->run(static_cast<uint64_t>(t * micro_batches + i));
      }
    });
    result.parameters.push_back(parameters_of(step, workers[0]));
    result.losses.push_back(workers[0].values(loss).at(0));
    for (int rank = 1; rank < world; ++rank) {
      EXPECT_EQ(parameters_of(step, workers[rank]), result.parameters.back()) << rank;
    }
    for (const std::string& sum : read_roles(update).accumulators) {
      for (float value : workers[0].values(sum)) EXPECT_EQ(value, 0) << sum;
    }
  }
  return result;
}

// Two numbers have one sum: the same bits.
TEST(AccumulationRun, TwoMicroBatchesAreTwoWorkersBitForBit) {
  for (bool normalise : {false, true}) {
    const TrainStep step = step_of({.normalise = normalise});
    const Result expected = train(step, 2, 1);
    const Result found = train(step, 1, 2);
    EXPECT_EQ(found.parameters, expected.parameters) << normalise;
    EXPECT_EQ(found.losses, expected.losses) << normalise;
  }
}

// Elsewhere sums have another order.
TEST(AccumulationRun, MicroBatchesAreWorkers) {
  const TrainStep step = step_of({.normalise = true});
  for (int parts : {3, 4, 6, 8, 12}) {
    const Result expected = train(step, parts, 1);
    for (int micro_batches = 2; micro_batches <= parts; ++micro_batches) {
      if (parts % micro_batches != 0) continue;
      const Result found = train(step, parts / micro_batches, micro_batches);
      EXPECT_LT(difference(found.parameters[0], expected.parameters[0]), 1e-7)
          << parts << " parts in " << micro_batches << " micro-batches";
      // The four steps that follow multiply what one step rounds.
      EXPECT_LT(difference(found.parameters.back(), expected.parameters.back()), 1e-6);
      for (int t = 0; t < kSteps; ++t) {
        EXPECT_NEAR(found.losses[t], expected.losses[t], 2e-6 * expected.losses[t]);
      }
    }
  }
}

TEST(AccumulationRun, WithoutNormalisationMicroBatchesAreTheWholeBatch) {
  const TrainStep step = step_of({});
  const Parameters expected = testing::one_worker(step, kSteps);
  for (int micro_batches : {2, 3, 8, 24}) {
    EXPECT_LT(difference(train(step, 1, micro_batches).parameters.back(), expected), 1e-6);
  }
}

// Normalisation sees a micro-batch, not the batch.
TEST(AccumulationRun, NormalisationStaysWithinAMicroBatch) {
  const TrainStep step = step_of({.normalise = true});
  const Parameters whole = testing::one_worker(step, kSteps);
  EXPECT_GT(difference(train(step, 1, 2).parameters.back(), whole), 1e-3);
}

TEST(AccumulationRun, DecayDoesNotDependOnTheNumberOfMicroBatches) {
  const TrainStep step = step_of({.weight_decay = 0.1f, .loss_scale = 0});
  const Parameters expected = testing::one_worker(step, kSteps);
  for (int micro_batches : {2, 3, 8}) {
    EXPECT_EQ(train(step, 1, micro_batches).parameters.back(), expected) << micro_batches;
  }
}

// What is saved is what runs: a plan of both nets, over the same samples each time.
TEST(AccumulationRun, ThePlanRunsAnIteration) {
  constexpr int kMicroBatches = 3;
  constexpr int kEach = kSamples / kMicroBatches;
  const TrainStep step = step_of({.normalise = true});
  const PlanDef plan = accumulate_gradients(step.train_net(), kMicroBatches);
  const NetDef& update = plan.network(kUpdateNet);
  const NetDef init = with_accumulators(step.init_net(), update);
  const auto feed = [](Workspace& workspace) {
    workspace.feed("data", images(0, 0, kEach));
    workspace.feed("label", labels(0, 0, kEach));
  };
  Trainer by_hand(init, update, {});
  Session accumulate(plan.network(kAccumulateNet), by_hand.workspace(), by_hand.pool());
  Trainer by_plan(init, update, {});
  PlanRunner runner(plan, by_plan.workspace(), by_plan.pool());
  feed(by_hand.workspace());
  feed(by_plan.workspace());
  for (int t = 0; t < kSteps; ++t) {
    for (int i = 1; i < kMicroBatches; ++i) accumulate.run();
    by_hand.step();
    runner.run();
    EXPECT_EQ(parameters_of(step, by_plan), parameters_of(step, by_hand));
    EXPECT_EQ(by_plan.workspace().fetch("iteration").item<int64_t>(), t + 1);
  }
}

}  // namespace
}  // namespace headrace::testing
