// Weight decay, on which parameters and how often: Goyal et al. (2017), equation (8), remark 1 and
// section 5.1.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/trainer.h"

namespace headrace {
namespace {

constexpr float kRate = 0.1f;
constexpr float kDecay = 0.25f;
constexpr int kTimes = 8;

struct Problem {
  float loss_scale = 1;
  float rate = kRate;
  float decay = kDecay;
};

/// A small classifier with a scaled loss, fed with one batch. Momentum has no effect on one step.
Trainer classifier(const Problem& problem) {
  Net net("classifier");
  Value x = net.input("data", {6, 5});
  FcOptions fc{.weight = uniform(-1, 1), .bias_value = constant(0.5f)};
  Value loss = x.fc(3, fc).softmax_cross_entropy(net.labels("label", 6)).scale(problem.loss_scale);
  TrainStep step(loss);
  step.optimizer(MomentumSgd{.weight_decay = problem.decay}).schedule(fixed_rate(problem.rate));
  Trainer trainer(step);
  std::vector<float> data(30);
  for (int i = 0; i < 30; ++i) data[i] = 0.1f * static_cast<float>((i * 7) % 13) - 0.6f;
  trainer.feed("data", {6, 5}, data);
  trainer.feed_labels("label", {0, 1, 2, 2, 1, 0});
  return trainer;
}

std::vector<float> parameters(const Trainer& trainer) {
  std::vector<float> all = trainer.values("fc1_w");
  const std::vector<float> bias = trainer.values("fc1_b");
  all.insert(all.end(), bias.begin(), bias.end());
  return all;
}

std::vector<float> after_one_step(const Problem& problem) {
  Trainer trainer = classifier(problem);
  trainer.step();
  return parameters(trainer);
}

double norm(const std::vector<float>& v) {
  double sum = 0;
  for (float x : v) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> difference(a.size());
  for (size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return norm(difference);
}

// Remark 1: scaling the cross-entropy by k is not scaling the rate by k; the difference after one
// step is (k - 1) * rate * decay * |w|.
TEST(WeightDecay, ScalingTheLossIsNotScalingTheRate) {
  const std::vector<float> start = parameters(classifier({}));
  const double expected = (kTimes - 1) * kRate * kDecay * norm(start);
  const double found =
      distance(after_one_step({.loss_scale = kTimes}), after_one_step({.rate = kTimes * kRate}));
  EXPECT_NEAR(found, expected, 1e-5 * expected);
}

TEST(WeightDecay, WithoutDecayTheTwoAreEqual) {
  const auto scaled_loss = after_one_step({.loss_scale = kTimes, .decay = 0});
  const auto scaled_rate = after_one_step({.rate = kTimes * kRate, .decay = 0});
  EXPECT_LT(distance(scaled_loss, scaled_rate), 1e-6 * norm(scaled_rate));
}

TEST(WeightDecay, LeavingTheFactorToTheLossDecaysThatMuchLess) {
  const std::vector<float> start = parameters(classifier({}));
  // No gradient from the data: only the decay moves anything.
  const double with_rate =
      distance(after_one_step({.loss_scale = 0, .rate = kTimes * kRate}), start);
  const double with_loss = distance(after_one_step({.loss_scale = 0}), start);
  EXPECT_NEAR(with_loss * kTimes / with_rate, 1, 1e-5);
}

TEST(WeightDecay, MovesWhatDecaysByRateTimesDecayTimesItselfAndNothingElse) {
  Net net("small");
  Value x = net.input("data", {2, 3, 6, 6});
  x = x.conv({.filters = 4, .kernel = 3, .bias = true, .bias_value = constant(-0.75f)});
  x = x.batch_norm({.gamma = 1.5f, .beta = 0.5f}).relu();
  x = x.fc(3, {.bias_value = constant(0.5f)});
  Value loss = x.softmax_cross_entropy(net.labels("label", 2)).scale(0);
  TrainStep step(loss);
  step.optimizer(MomentumSgd{.weight_decay = kDecay}).schedule(fixed_rate(kRate));
  Trainer trainer(step);
  trainer.feed("data", {2, 3, 6, 6}, std::vector<float>(216, 0.5f));
  trainer.feed_labels("label", {0, 2});

  std::map<std::string, std::vector<float>> before;
  for (const Parameter& parameter : net.parameters()) {
    before[parameter.name] = trainer.values(parameter.name);
  }
  trainer.step();
  for (const char* name : {"conv1_w", "conv1_b", "fc1_w", "fc1_b"}) {
    const std::vector<float> after = trainer.values(name);
    for (size_t i = 0; i < after.size(); ++i) {
      const float w = before[name][i];
      EXPECT_FLOAT_EQ(after[i], w - kRate * (kDecay * w)) << name << " " << i;
    }
  }
  EXPECT_EQ(trainer.values("bn1_s"), before["bn1_s"]);
  EXPECT_EQ(trainer.values("bn1_b"), before["bn1_b"]);
}

}  // namespace
}  // namespace headrace
