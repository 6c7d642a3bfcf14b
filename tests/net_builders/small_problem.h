#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/net_roles.h"
#include "net_builders/train_step.h"
#include "tests/support/trainer.h"

namespace headrace::testing {

// A training problem of a few samples, with which ways of sharing out an iteration are compared.

inline constexpr int kSamples = 24;
inline constexpr int kImage = 8;
inline constexpr int kPixels = 3 * kImage * kImage;

/// Sample i of iteration t, and its label.
inline float pixel(int iteration, int sample, int i) {
  return static_cast<float>(std::sin(0.13 * (i + 1) * (sample + 1) + iteration + 0.1 * sample));
}
inline int32_t label(int iteration, int sample) { return (sample * 7 + iteration) % 5; }

/// Samples [first, first + count) of an iteration.
inline Tensor images(int iteration, int first, int count) {
  std::vector<float> values;
  for (int s = first; s < first + count; ++s) {
    for (int i = 0; i < kPixels; ++i) values.push_back(pixel(iteration, s, i));
  }
  return Tensor::from<float>({count, 3, kImage, kImage}, values);
}
inline Tensor labels(int iteration, int first, int count) {
  std::vector<int32_t> values;
  for (int s = first; s < first + count; ++s) values.push_back(label(iteration, s));
  return Tensor::from<int32_t>({count}, values);
}

struct Problem {
  bool normalise = false;
  float weight_decay = 0.01f;
  float loss_scale = 1;
  Optimizer optimizer() const {
    return MomentumSgd{.momentum = 0.9f, .nesterov = true, .weight_decay = weight_decay};
  }
};

/// A small convolutional net, with batch normalisation or without.
inline TrainStep step_of(const Problem& problem) {
  Net net("small");
  Value x = net.input("data", {kSamples, 3, kImage, kImage});
  x = x.conv({.filters = 6, .kernel = 3, .pad = 1, .bias = !problem.normalise});
  if (problem.normalise) x = x.batch_norm();
  x = x.relu().max_pool({.kernel = 2, .stride = 2});
  x = x.conv({.filters = 4, .kernel = 3, .bias = true}).relu();
  Value loss = x.fc(5).softmax_cross_entropy(net.labels("label", kSamples));
  if (problem.loss_scale != 1) loss = loss.scale(problem.loss_scale);
  TrainStep step(loss);
  step.optimizer(problem.optimizer()).schedule(fixed_rate(0.1f));
  return step;
}

using Parameters = std::map<std::string, std::vector<float>>;

inline Parameters parameters_of(const TrainStep& step, const auto& source) {
  Parameters all;
  for (const std::string& name : read_roles(step.train_net()).parameters) {
    all[name] = source.values(name);
  }
  return all;
}

/// Of all parameters together, relative to their norm.
inline double difference(const Parameters& a, const Parameters& b) {
  double sum = 0;
  double norm = 0;
  for (const auto& [name, values] : a) {
    for (size_t i = 0; i < values.size(); ++i) {
      const double d = static_cast<double>(values[i]) - b.at(name).at(i);
      sum += d * d;
      norm += static_cast<double>(values[i]) * values[i];
    }
  }
  return std::sqrt(sum / norm);
}

inline Parameters one_worker(const TrainStep& step, int steps,
                             std::vector<double>* losses = nullptr) {
  Trainer trainer(step);
  for (int t = 0; t < steps; ++t) {
    trainer.workspace().feed("data", images(t, 0, kSamples));
    trainer.workspace().feed("label", labels(t, 0, kSamples));
    trainer.step();
    if (losses != nullptr) losses->push_back(trainer.value("loss"));
  }
  return parameters_of(step, trainer);
}

}  // namespace headrace::testing
