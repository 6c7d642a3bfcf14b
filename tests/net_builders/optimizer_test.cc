// Optimizers, clipping and averages against their papers' formulas, computed in double. Parameters
// are of the order of 4, so that 1e-5 is a few roundings of float32.
#include <gtest/gtest.h>

#include "tests/net_builders/quadratic.h"

namespace headrace {
namespace {

constexpr double kTolerance = 1e-5;
constexpr int kSteps = 40;

// Kingma & Ba (2015), algorithm 1. Its epsilon stands beside the root of the corrected square; the
// operator's, as in their section 2, beside the uncorrected one: without an epsilon they are equal.
TEST(Optimizer, Adam) {
  const Quadratic problem;
  Trainer trainer = problem.trainer(problem.step(Adam{.epsilon = 0}, fixed_rate(0.05f)));
  std::vector<double> w = Quadratic::start(), m(w.size()), v(w.size());
  for (int t = 1; t <= kSteps; ++t) {
    trainer.step();
    const std::vector<double> g = Quadratic::gradient(w);
    for (size_t i = 0; i < w.size(); ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      const double mean = m[i] / (1 - std::pow(0.9, t));
      const double square = v[i] / (1 - std::pow(0.999, t));
      w[i] -= 0.05 * mean / std::sqrt(square);
    }
    // float32 rounds 1 - 0.999 to 1.0000467e-3: up to 2.4e-5 of each step of 0.05.
    ASSERT_LT(largest_difference(trainer.values("w"), w), 1e-4) << "step " << t;
  }
}

// You et al. (2017), algorithm 1.
TEST(Optimizer, Lars) {
  const double trust = 0.02, decay = 0.1, momentum = 0.9;
  const Quadratic problem;
  const Lars lars{.weight_decay = 0.1f, .trust = 0.02f};
  Trainer trainer = problem.trainer(problem.step(lars, fixed_rate(0.5f)));
  std::vector<double> w = Quadratic::start(), v(w.size());
  for (int t = 0; t < kSteps; ++t) {
    trainer.step();
    const std::vector<double> g = Quadratic::gradient(w);
    const double local = trust * norm(w) / (norm(g) + decay * norm(w));
    std::vector<double> next = w;
    for (size_t i = 0; i < w.size(); ++i) {
      v[i] = momentum * v[i] + 0.5 * local * (g[i] + decay * w[i]);
      next[i] -= v[i];
    }
    w = next;
    ASSERT_LT(largest_difference(trainer.values("w"), w), kTolerance) << "step " << t;
  }
}

/// loss = mean of z w^2, where z is fed: gradient z w / 4. One epoch is one iteration.
Trainer fed_gradient(const Lars& lars, const LearningRateSchedule& schedule) {
  Net net("fed");
  const Value w = net.parameter("w", {1, 8}, constant(4));
  TrainStep step(net.op("AveragedLoss", {w * w * net.input("z", {1, 8})})[0]);
  step.optimizer(lars).schedule(schedule).epoch_size(1);
  return Trainer(step);
}

std::vector<float> step_with(float z, Trainer& trainer) {
  trainer.feed("z", {1, 8}, std::vector<float>(8, z));
  trainer.step();
  return trainer.values("w");
}

// A convolution before a scale that starts at 0 has no gradient in the first step; without weight
// decay nothing else stands below the trust coefficient.
TEST(Optimizer, LarsLeavesAMatrixWithoutGradientWhereItIs) {
  for (float rate : {2.0f, 1e3f}) {
    for (bool correction : {true, false}) {
      const Lars lars{.trust = 0.01f, .momentum_correction = correction};
      Trainer trainer = fed_gradient(lars, fixed_rate(rate).decay(0.1f, at_epochs({1})));
      EXPECT_EQ(step_with(0, trainer), std::vector<float>(8, 4)) << rate;
      // The next step is as long as a first one: rate * trust * |w|.
      const std::vector<double> next(8, 4 - 0.1 * static_cast<double>(rate) * 0.01 * 4);
      EXPECT_LT(largest_difference(step_with(1, trainer), next), 4e-7) << rate;
    }
  }
}

// Without momentum a step is rate times gradient, so its length shows the clipping.
TEST(Clipping, BoundsTheNormAndLeavesSmallerGradientsAlone) {
  const Quadratic problem;
  const double full = norm(Quadratic::gradient(Quadratic::start()));
  for (double limit : {0.25 * full, 0.999 * full, 1.001 * full, 10 * full}) {
    TrainStep step = problem.step(MomentumSgd{.momentum = 0}, fixed_rate(1));
    step.clip_gradients(static_cast<float>(limit));
    Trainer trainer = problem.trainer(step);
    trainer.step();
    std::vector<double> expected = Quadratic::start();
    const std::vector<double> g = Quadratic::gradient(expected);
    for (size_t i = 0; i < g.size(); ++i) expected[i] -= g[i] * std::min(1.0, limit / full);
    EXPECT_LT(largest_difference(trainer.values("w"), expected), 2e-6) << limit / full;
  }
}

TEST(Clipping, DecayIsNotClipped) {
  const Quadratic problem;
  TrainStep step = problem.step(MomentumSgd{.momentum = 0, .weight_decay = 0.5f}, fixed_rate(0.1f));
  step.clip_gradients(1e-6f);
  Trainer trainer = problem.trainer(step);
  trainer.step();
  // 4 - 0.1 * 0.5 * 4, and next to nothing from the data.
  EXPECT_LT(largest_difference(trainer.values("w"), std::vector<double>(Quadratic::kSize, 3.8)),
            2e-6);
}

TEST(Averages, StartAtTheParametersAndFollowThem) {
  const Quadratic problem;
  TrainStep step = problem.step(MomentumSgd{}, fixed_rate(0.1f));
  step.average_parameters(0.75f);
  Trainer trainer = problem.trainer(step);
  EXPECT_EQ(trainer.values("w_average"), trainer.values("w"));
  std::vector<double> average = Quadratic::start();
  for (int t = 0; t < kSteps; ++t) {
    trainer.step();
    const std::vector<float> w = trainer.values("w");
    for (size_t i = 0; i < w.size(); ++i) average[i] = 0.75 * average[i] + 0.25 * w[i];
    ASSERT_LT(largest_difference(trainer.values("w_average"), average), kTolerance);
  }
}

}  // namespace
}  // namespace headrace
