// Communication beside the backward pass: Goyal et al. (2017), section 4.2. What is looked at is
// the timeline of a rank.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "core/net_roles.h"
#include "graph/communication_time.h"
#include "net_builders/data_parallel.h"
#include "tests/net_builders/small_problem.h"
#include "tests/support/workers.h"

namespace headrace {
namespace {

using testing::images;
using testing::kSamples;
using testing::labels;
using testing::Parameters;
using testing::Workers;

constexpr int kWorld = 2;
constexpr int kLayers = 6;
constexpr int kSteps = 3;

/// Layers fc1, fc2, ..., whose gradients come in the order ..., fc2, fc1.
TrainStep deep() {
  Net net("deep");
  Value x = net.input("data", {kSamples, 3, testing::kImage, testing::kImage});
  for (int i = 1; i < kLayers; ++i) x = x.fc(64).relu();
  TrainStep step(x.fc(5).softmax_cross_entropy(net.labels("label", kSamples)));
  step.optimizer(MomentumSgd{.momentum = 0.9f}).schedule(fixed_rate(0.1f));
  return step;
}

Parameters train(Workers& workers, const TrainStep& step) {
  constexpr int kEach = kSamples / kWorld;
  for (int t = 0; t < kSteps; ++t) {
    workers.each([&](int rank, Workers::Worker& worker) {
      worker.workspace.feed("data", images(t, rank * kEach, kEach));
      worker.workspace.feed("label", labels(t, rank * kEach, kEach));
      worker.session->run(static_cast<uint64_t>(t));
    });
  }
  return testing::parameters_of(step, workers[0]);
}

Workers make_workers(const TrainStep& step, Workers::Options options) {
  return Workers(kWorld, data_parallel_init(step.init_net(), kWorld),
                 data_parallel(step.train_net(), kWorld), std::move(options));
}

/// When the operators of the last run began and ended, by the value they make first.
std::map<std::string, TraceEvent> spans_by_output(const Plan& plan, const TraceRecorder& trace,
                                                  bool collectives) {
  const TraceEvent last = trace.runs().back();
  std::map<std::string, TraceEvent> spans;
  for (int worker = 0; worker < trace.workers(); ++worker) {
    for (const TraceEvent& event : trace.worker(worker).events()) {
      if (event.begin < last.begin) continue;
      const graph::Op& op = plan.graph.ops[static_cast<size_t>(event.node)];
      if (op.schema->is_collective() != collectives) continue;
      for (const graph::ValueId id : op.outputs) {
        if (id == graph::kNone) continue;
        // The first to make a value of that name is the backward operator; what updates it follows.
        const auto [known, fresh] =
            spans.try_emplace(plan.graph.values[static_cast<size_t>(id)].name, event);
        if (!fresh && event.begin < known->second.begin) known->second = event;
      }
    }
  }
  return spans;
}

TEST(OverlapRun, AGradientIsSummedWhileTheNextOnesAreComputed) {
  const TrainStep step = deep();
  // With one thread the order is that of the plan, however busy the machine is.
  Workers workers = make_workers(step, {.threads = 1, .buckets = {.bytes = 0}, .traced = true});
  train(workers, step);
  Workers::Worker& worker = workers[0];
  const Plan& plan = worker.session->plan();
  const auto sums = spans_by_output(plan, *worker.trace, true);
  const auto backward = spans_by_output(plan, *worker.trace, false);
  for (int layer = kLayers; layer > 1; --layer) {
    const std::string mine = "fc" + std::to_string(layer) + "_w_grad";
    const std::string next = "fc" + std::to_string(layer - 1) + "_w_grad";
    EXPECT_LT(sums.at(mine).begin, backward.at(next).end) << mine << " waits for " << next;
  }
}

TEST(OverlapRun, TheResultIsThatWithoutOverlap) {
  const TrainStep step = deep();
  Workers alone = make_workers(step, {.serial = true, .buckets = {.bytes = 0}});
  const Parameters expected = train(alone, step);
  for (size_t bytes : {size_t{0}, size_t{20000}, size_t{8} << 20}) {
    Workers overlapped = make_workers(
        step, {.concurrent = 2, .buckets = {.bytes = bytes, .first = 4096, .last = 4096}});
    EXPECT_EQ(train(overlapped, step), expected) << bytes;
  }
}

// One operator after the other: nothing is computed while a sum is under way.
TEST(OverlapRun, WithoutOverlapAllCommunicationIsExposed) {
  const TrainStep step = deep();
  const auto time_of = [&](bool serial) {
    Workers workers =
        make_workers(step, {.serial = serial, .buckets = {.bytes = 0}, .traced = true});
    train(workers, step);
    const std::vector<std::shared_ptr<const Plan>> plans(
        kSteps, workers[0].session->plan().shared_from_this());
    return communication_time(*workers[0].trace, plans);
  };
  const CommunicationTime serial = time_of(true);
  EXPECT_EQ(serial.runs, kSteps);
  EXPECT_GT(serial.exposed, 0);
  EXPECT_LT(serial.exposed, serial.seconds);
  EXPECT_EQ(serial.hidden, 0);
  EXPECT_GT(time_of(false).hidden, 0);
}

}  // namespace
}  // namespace headrace
