// Training over every transport: what moves the bytes does not change them.
#include <gtest/gtest.h>

#include "net_builders/data_parallel.h"
#include "tests/comm/wirings.h"
#include "tests/net_builders/small_problem.h"
#include "tests/support/workers.h"

namespace headrace::comm {
namespace {

using headrace::testing::Parameters;
using headrace::testing::Workers;

Parameters train(int world, const Wiring& wiring, int threads) {
  const TrainStep step = headrace::testing::step_of({.normalise = true});
  Workers workers(world, data_parallel_init(step.init_net(), world),
                  data_parallel(step.train_net(), world),
                  {.threads = threads, .connect = wiring.connect});
  const int each = headrace::testing::kSamples / world;
  for (int t = 0; t < 3; ++t) {
    workers.each([&](int rank, Workers::Worker& worker) {
      worker.workspace.feed("data", headrace::testing::images(t, rank * each, each));
      worker.workspace.feed("label", headrace::testing::labels(t, rank * each, each));
      worker.session->run(static_cast<uint64_t>(t));
    });
  }
  const Parameters first = headrace::testing::parameters_of(step, workers[0]);
  for (int rank = 1; rank < world; ++rank) {
    EXPECT_EQ(headrace::testing::parameters_of(step, workers[rank]), first) << "rank " << rank;
  }
  return first;
}

class TrainingOver : public ::testing::TestWithParam<Wiring> {};

TEST_P(TrainingOver, AnyTransportGivesTheSame) {
  const Wiring inproc{"inproc", make_inproc_groups};
  EXPECT_EQ(train(2, GetParam(), 1), train(2, inproc, 1));
  // Where the sum of three has another order because another algorithm is faster, or operators are
  // cut into other parts, it is rounded otherwise.
  for (int world : {2, 3, 4}) {
    EXPECT_LT(headrace::testing::difference(train(world, GetParam(), 2), train(world, inproc, 1)),
              1e-6)
        << world;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TrainingOver, ::testing::ValuesIn(wirings()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace headrace::comm
