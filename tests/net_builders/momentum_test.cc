// Momentum under a changing learning rate, against the equations of Goyal et al. (2017) computed in
// double. The problem is a quadratic, loss = mean of a (w - t)^2, whose gradient is 2 a (w - t) /
// n.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/net_builders/quadratic.h"

namespace headrace {
namespace {

constexpr int kSteps = 60;

Trainer quadratic(const Optimizer& optimizer, const LearningRateSchedule& schedule) {
  const Quadratic problem;
  return problem.trainer(problem.step(optimizer, schedule));
}

/// Equation (9), which defines momentum; with Nesterov's step g + m u.
class Reference {
 public:
  Reference(double momentum, bool nesterov) : momentum_(momentum), nesterov_(nesterov) {}

  void step(double rate) {
    const std::vector<double> gradient = Quadratic::gradient(w_);
    for (int i = 0; i < Quadratic::kSize; ++i) {
      u_[i] = momentum_ * u_[i] + gradient[i];
      w_[i] -= rate * (nesterov_ ? gradient[i] + momentum_ * u_[i] : u_[i]);
    }
  }
  double distance(const std::vector<float>& w) const { return largest_difference(w, w_); }

 private:
  double momentum_;
  bool nesterov_;
  std::vector<double> w_ = Quadratic::start();
  std::vector<double> u_ = std::vector<double>(Quadratic::kSize);
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
