#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/trainer.h"

namespace headrace {

/// A problem whose gradient is known: loss = mean of a (w - t)^2 over eight numbers w, hence
/// gradient 2 a (w - t) / 8.
class Quadratic {
 public:
  static constexpr int kSize = 8;

  Quadratic() : loss_(build()) {}

  static std::vector<double> start() { return std::vector<double>(kSize, 4); }
  static std::vector<double> gradient(const std::vector<double>& w) {
    std::vector<double> gradient(kSize);
    for (int i = 0; i < kSize; ++i) {
      gradient[i] = 2 * static_cast<double>(kCurvature[i]) * (w[i] - kTarget[i]) / kSize;
    }
    return gradient;
  }

  /// One epoch is ten iterations.
  TrainStep step(const Optimizer& optimizer, const LearningRateSchedule& schedule) const {
    TrainStep step(loss_);
    step.optimizer(optimizer).schedule(schedule).epoch_size(10);
    return step;
  }
  /// Ready to step; the parameter is "w".
  Trainer trainer(const TrainStep& step) const {
    Trainer trainer(step);
    trainer.feed("t", {1, kSize}, {kTarget, kTarget + kSize});
    trainer.feed("a", {1, kSize}, {kCurvature, kCurvature + kSize});
    return trainer;
  }

 private:
  static constexpr float kCurvature[kSize] = {0.2f, 0.5f, 1, 1.5f, 2, 0.7f, 1.2f, 0.1f};
  static constexpr float kTarget[kSize] = {1, -2, 0.5f, 3, -1, 0.25f, 2, -0.75f};

  Value build() {
    Value target = net_.input("t", {1, kSize});
    Value curvature = net_.input("a", {1, kSize});
    Value distance = net_.parameter("w", {1, kSize}, constant(4)) - target;
    return net_.op("AveragedLoss", {distance * distance * curvature})[0];
  }

  Net net_{"quadratic"};
  Value loss_;
};

inline double largest_difference(const std::vector<float>& found,
                                 const std::vector<double>& expected) {
  double most = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    most = std::max(most, std::abs(found.at(i) - expected[i]));
  }
  return most;
}

inline double norm(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x * x;
  return std::sqrt(sum);
}

}  // namespace headrace
