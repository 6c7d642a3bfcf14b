// k workers against one: Goyal et al. (2017), sections 2 and 3. The workers are threads; the nets
// are those of data_parallel().
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "net_builders/data_parallel.h"
#include "tests/net_builders/small_problem.h"
#include "tests/support/workers.h"

namespace headrace::testing {
namespace {

constexpr int kSteps = 4;

Parameters one_worker(const TrainStep& step, std::vector<double>* losses = nullptr) {
  return testing::one_worker(step, kSteps, losses);
}

/// The parameters of all workers after some steps. They have to be the same bits after each.
Parameters many_workers(const TrainStep& step, int world, Workers::Options options = {},
                        std::vector<double>* losses = nullptr) {
  Workers workers(world, data_parallel_init(step.init_net(), world),
                  data_parallel(step.train_net(), world), std::move(options));
  const int each = kSamples / world;
  const std::string loss = read_roles(data_parallel(step.train_net(), world)).mean_losses.at(0);
  for (int t = 0; t < kSteps; ++t) {
    workers.each([&](int rank, Workers::Worker& worker) {
      worker.workspace.feed("data", images(t, rank * each, each));
      worker.workspace.feed("label", labels(t, rank * each, each));
      worker.session->run(static_cast<uint64_t>(t));
    });
    const Parameters first = parameters_of(step, workers[0]);
    for (int rank = 1; rank < world; ++rank) {
      EXPECT_EQ(parameters_of(step, workers[rank]), first) << "rank " << rank << ", step " << t;
      EXPECT_EQ(workers[rank].values(loss), workers[0].values(loss));
    }
    if (losses != nullptr) losses->push_back(workers[0].values(loss).at(0));
  }
  return parameters_of(step, workers[0]);
}

// Remark 3: loss / (kn) and a sum over workers are the one big worker.
TEST(DataParallelRun, IsOneBigWorker) {
  const TrainStep step = step_of({});
  std::vector<double> expected_losses;
  const Parameters expected = one_worker(step, &expected_losses);
  for (int world : {1, 2, 3, 4, 8}) {
    std::vector<double> losses;
    const Parameters found = many_workers(step, world, {}, &losses);
    EXPECT_LT(difference(expected, found), 1e-6) << world;
    for (int t = 0; t < kSteps; ++t) {
      EXPECT_NEAR(losses[t], expected_losses[t], 2e-6 * expected_losses[t]) << world;
    }
  }
}

// The negative: without the scale, gradients are wrong by exactly k.
TEST(DataParallelRun, WithoutTheScaleGradientsAreTooLargeByTheNumberOfWorkers) {
  constexpr int kWorld = 4;
  const TrainStep step = step_of({.weight_decay = 0});
  const NetDef right = data_parallel(step.train_net(), kWorld);
  NetDef wrong = right;
  for (OperatorDef& op : *wrong.mutable_op()) {
    if (op.type() == "Scale") op.mutable_arg(0)->set_f(1);
  }
  auto moved = [&](const NetDef& train) {
    Workers workers(kWorld, data_parallel_init(step.init_net(), kWorld), train, {});
    const Parameters before = parameters_of(step, workers[0]);
    workers.each([&](int rank, Workers::Worker& worker) {
      worker.workspace.feed("data", images(0, rank * 6, 6));
      worker.workspace.feed("label", labels(0, rank * 6, 6));
      worker.session->run();
    });
    // The momentum after the first step is rate times gradient.
    Parameters momentum;
    for (const auto& [name, values] : before) {
      momentum[name] = workers[0].values(name + "_momentum");
    }
    return momentum;
  };
  Parameters scaled = moved(right);
  for (auto& [name, values] : scaled) {
    for (float& value : values) value *= kWorld;
  }
  EXPECT_LT(difference(moved(wrong), scaled), 1e-6);
}

// Section 2.3: normalisation sees the n samples of a worker. One worker of all samples differs.
TEST(DataParallelRun, NormalisationStaysWithinAWorker) {
  const TrainStep step = step_of({.normalise = true});
  const Parameters big = one_worker(step);
  const Parameters two = many_workers(step, 2);
  EXPECT_GT(difference(big, two), 1e-3);
  // Two workers with the same samples are each other: what one of them does alone on its half.
  Workers workers(2, data_parallel_init(step.init_net(), 2), data_parallel(step.train_net(), 2),
                  {});
  Workers alone(1, data_parallel_init(step.init_net(), 1), data_parallel(step.train_net(), 1), {});
  for (int t = 0; t < kSteps; ++t) {
    auto feed_half = [&](int, Workers::Worker& worker) {
      worker.workspace.feed("data", images(t, 0, kSamples / 2));
      worker.workspace.feed("label", labels(t, 0, kSamples / 2));
      worker.session->run(static_cast<uint64_t>(t));
    };
    workers.each(feed_half);
    alone.each(feed_half);
  }
  EXPECT_LT(difference(parameters_of(step, workers[0]), parameters_of(step, alone[0])), 1e-6);
}

// The decay is applied once, not by every worker.
TEST(DataParallelRun, DecayDoesNotDependOnTheNumberOfWorkers) {
  const TrainStep step = step_of({.weight_decay = 0.1f, .loss_scale = 0});
  const Parameters expected = one_worker(step);
  for (int world : {1, 2, 8}) EXPECT_EQ(many_workers(step, world), expected) << world;
}

// Results depend neither on how operators are scheduled, nor on how gradients are gathered, nor on
// how many collectives go on at once: sums have one order.
TEST(DataParallelRun, SchedulesAndBucketsDoNotChangeABit) {
  const TrainStep step = step_of({.normalise = true});
  constexpr int kWorld = 2;  // a + b = b + a
  const Parameters expected = many_workers(step, kWorld, {.serial = true, .buckets = {.bytes = 0}});
  for (int concurrent : {1, 2, 8}) {
    EXPECT_EQ(many_workers(step, kWorld, {.concurrent = concurrent}), expected);
    EXPECT_EQ(
        many_workers(step, kWorld,
                     {.concurrent = concurrent, .buckets = {.bytes = 64, .first = 64, .last = 64}}),
        expected);
    EXPECT_EQ(many_workers(step, kWorld, {.concurrent = concurrent, .buckets = {.bytes = 0}}),
              expected);
  }
}

TEST(DataParallelRun, ThreadsChangeRoundingAtMost) {
  const TrainStep step = step_of({});
  const Parameters expected = many_workers(step, 3);
  EXPECT_LT(difference(many_workers(step, 3, {.threads = 2}), expected), 1e-6);
}

// Every worker begins with the root's parameters, whatever it drew.
TEST(DataParallelRun, WorkersBeginAlike) {
  const TrainStep step = step_of({});
  Workers workers(3, {});
  workers.each([&](int rank, Workers::Worker& worker) {
    run_once(data_parallel_init(step.init_net(), 3), worker.workspace, *worker.pool,
             /*seed=*/static_cast<uint64_t>(rank) + 1);
  });
  for (int rank = 1; rank < 3; ++rank) {
    EXPECT_EQ(parameters_of(step, workers[rank]), parameters_of(step, workers[0]));
  }
}

// What is fetched, and what an operator reads before the sum, is copied: it has its value.
TEST(DataParallelRun, AGradientThatIsKeptIsTheSum) {
  const TrainStep step = step_of({.weight_decay = 0});
  const NetDef train = data_parallel(step.train_net(), 2);
  const std::string gradient = read_roles(train).gradients.back();
  NetDef kept = train;
  OperatorDef copy;  // keeps what every worker has
  copy.set_type("Copy");
  copy.add_input(gradient);
  copy.add_output("mine");
  NetDef ordered = train;
  ordered.clear_op();
  for (const OperatorDef& op : train.op()) {
    if (op.type() == "Allreduce" && op.output(0) == gradient) *ordered.add_op() = copy;
    *ordered.add_op() = op;
    if (op.type() == "Allreduce" && op.output(0) == gradient) {
      copy.set_output(0, "sum");
      *ordered.add_op() = copy;
      copy.set_output(0, "mine");
    }
  }
  ordered.add_external_output("mine");
  ordered.add_external_output("sum");
  Workers workers(2, data_parallel_init(step.init_net(), 2), ordered, {});
  workers.each([&](int rank, Workers::Worker& worker) {
    worker.workspace.feed("data", images(0, rank * 12, 12));
    worker.workspace.feed("label", labels(0, rank * 12, 12));
    worker.session->run();
  });
  const auto a = workers[0].values("mine");
  const auto b = workers[1].values("mine");
  const auto sum = workers[0].values("sum");
  EXPECT_NE(a, b);
  for (size_t i = 0; i < sum.size(); ++i) EXPECT_EQ(sum[i], a[i] + b[i]) << i;
}

}  // namespace
}  // namespace headrace::testing
