// Momentum under a changing learning rate, against the equations of Goyal et al. (2017) computed in
// double. The problem is a quadratic, loss = mean of a (w - t)^2, whose gradient is 2 a (w - t) /
// n.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/trainer.h"

namespace headrace {
namespace {

constexpr int kSize = 8;
constexpr int kSteps = 60;

const std::vector<float> kCurvature{0.2f, 0.5f, 1, 1.5f, 2, 0.7f, 1.2f, 0.1f};
const std::vector<float> kTarget{1, -2, 0.5f, 3, -1, 0.25f, 2, -0.75f};

/// The step of that optimizer and schedule; one epoch is ten iterations.
Trainer quadratic(const Optimizer& optimizer, const LearningRateSchedule& schedule) {
  Net net("quadratic");
  Value target = net.input("t", {1, kSize});
  Value curvature = net.input("a", {1, kSize});
  Value w = net.parameter("w", {1, kSize}, constant(4));
  Value distance = w - target;
  Value loss = net.op("AveragedLoss", {distance * distance * curvature})[0];
  TrainStep step(loss);
  step.optimizer(optimizer).schedule(schedule).epoch_size(10);
  Trainer trainer(step);
  trainer.feed("t", {1, kSize}, kTarget);
  trainer.feed("a", {1, kSize}, kCurvature);
  return trainer;
}

/// Equation (9), which defines momentum; with Nesterov's step g + m u.
class Reference {
 public:
  Reference(double momentum, bool nesterov) : momentum_(momentum), nesterov_(nesterov) {}

  void step(double rate) {
    for (int i = 0; i < kSize; ++i) {
      const double gradient = 2 * kCurvature[i] * (w_[i] - kTarget[i]) / kSize;
      u_[i] = momentum_ * u_[i] + gradient;
      w_[i] -= rate * (nesterov_ ? gradient + momentum_ * u_[i] : u_[i]);
    }
  }
  double distance(const std::vector<float>& w) const {
    double most = 0;
    for (int i = 0; i < kSize; ++i) most = std::max(most, std::abs(w[i] - w_[i]));
    return most;
  }

 private:
  double momentum_;
  bool nesterov_;
  std::vector<double> w_ = std::vector<double>(kSize, 4);
  std::vector<double> u_ = std::vector<double>(kSize, 0);
};

/// The rate jumps by 30 after 20 iterations and drops to a tenth after 40.
LearningRateSchedule jump_and_drop() {
  return fixed_rate(0.3f).constant_warmup(epochs(2), 0.01f).decay(0.1f, at_epochs({4}));
}
double jump_and_drop(int t) { return t < 20 ? 0.01 : t < 40 ? 0.3 : 0.03; }

/// The largest distance to the reference over all steps.
double deviation(MomentumSgd sgd) {
  Trainer trainer = quadratic(sgd, jump_and_drop());
  Reference reference(sgd.momentum, sgd.nesterov);
  double most = 0;
  for (int t = 0; t < kSteps; ++t) {
    trainer.step();
    reference.step(jump_and_drop(t));
    most = std::max(most, reference.distance(trainer.values("w")));
  }
  return most;
}

class Momentum : public ::testing::TestWithParam<bool> {};  // with Nesterov's step or without
INSTANTIATE_TEST_SUITE_P(Nesterov, Momentum, ::testing::Bool());

// Parameters are of the order of 4: 1e-5 is a few roundings of float32.
TEST_P(Momentum, TheReferenceFormIsTheReference) {
  EXPECT_LT(deviation({.nesterov = GetParam(), .form = MomentumForm::kReference}), 1e-5);
}

TEST_P(Momentum, TheCorrectedFormEqualsItOverAJumpAndADrop) {
  EXPECT_LT(deviation({.nesterov = GetParam()}), 1e-5);
}

TEST_P(Momentum, WithoutCorrectionItDoesNot) {
  EXPECT_GT(deviation({.nesterov = GetParam(), .momentum_correction = false}), 0.1);
}

TEST_P(Momentum, AtAConstantRateNothingIsCorrected) {
  Trainer corrected = quadratic(MomentumSgd{.nesterov = GetParam()}, fixed_rate(0.1f));
  Trainer plain = quadratic(MomentumSgd{.nesterov = GetParam(), .momentum_correction = false},
                            fixed_rate(0.1f));
  for (int t = 0; t < kSteps; ++t) {
    corrected.step();
    plain.step();
  }
  EXPECT_EQ(corrected.values("w"), plain.values("w"));
}

/// Runs both for that many steps; true if all their parameters agree to the last bit.
bool same_trajectory(const MomentumSgd& a, const MomentumSgd& b,
                     const LearningRateSchedule& schedule) {
  Trainer first = quadratic(a, schedule);
  Trainer second = quadratic(b, schedule);
  for (int t = 0; t < kSteps; ++t) {
    first.step();
    second.step();
    if (first.values("w") != second.values("w")) return false;
  }
  return true;
}

// Detectron's rule: only changes by more than a factor of 1.1 count, which a gradual warm-up (here
// at most 10 % in one iteration) never reaches, and a jump always does.
TEST(MomentumThreshold, AGradualWarmupIsNotCorrected) {
  const LearningRateSchedule gradual = fixed_rate(0.3f).warmup(epochs(6), 0.06f);
  const MomentumSgd threshold{.correction_threshold = 1.1f};
  EXPECT_TRUE(same_trajectory(threshold, {.momentum_correction = false}, gradual));
  EXPECT_FALSE(same_trajectory(threshold, {}, gradual));
}

TEST(MomentumThreshold, AJumpAndADropAre) {
  const MomentumSgd threshold{.correction_threshold = 1.1f};
  EXPECT_TRUE(same_trajectory(threshold, {}, jump_and_drop()));
}

TEST(MomentumThreshold, ExactCorrectionIsTheDefault) {
  EXPECT_EQ(MomentumSgd().correction_threshold, 1);
  EXPECT_TRUE(MomentumSgd().momentum_correction);
}

}  // namespace
}  // namespace headrace
