// Momentum with the learning rate inside the buffer, corrected by the ratio of rates, takes the
// steps of momentum with the rate outside (Goyal et al. 2017, equations 9 and 10 and Remark 2). In
// float64 on a quadratic, over a rate that jumps up by 30 and drops by 10.

#include <cmath>

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "tests/operators/run_operator.h"

namespace headrace::testing {
namespace {

constexpr int kSteps = 60;
constexpr float kMomentum = 0.9f;

/// The rate of a step: 0.0005, from step 15 on 0.015, from step 40 on 0.0015.
double rate(int step) { return step < 15 ? 0.0005 : step < 40 ? 0.015 : 0.0015; }
double ratio(int step) { return step == 0 ? 1 : rate(step) / rate(step - 1); }

using Vector = std::array<double, 3>;
constexpr Vector kCurvature = {1, 7, 20};
constexpr Vector kStart = {1, -2, 3};

/// Gradient of sum(curvature * w^2 / 2).
Vector gradient(const Vector& w) {
  return {kCurvature[0] * w[0], kCurvature[1] * w[1], kCurvature[2] * w[2]};
}

/// w = w - rate * step with u = m * u + g; step = u, or Nesterov's g + m * u.
Vector reference(bool nesterov) {
  Vector w = kStart;
  Vector u = {};
  for (int step = 0; step < kSteps; ++step) {
    Vector g = gradient(w);
    for (int i = 0; i < 3; ++i) {
      u[i] = double{kMomentum} * u[i] + g[i];
      w[i] -= rate(step) * (nesterov ? g[i] + double{kMomentum} * u[i] : u[i]);
    }
  }
  return w;
}

Tensor tensor(const Vector& values) {
  return Tensor::from<double>({3}, {values[0], values[1], values[2]});
}

/// The same through MomentumSGDUpdate, with or without the ratio as last input.
Vector with_operator(bool nesterov, bool corrected) {
  OperatorDef def;
  def.set_type("MomentumSGDUpdate");
  for (const char* name : {"g", "m", "rate", "w"}) def.add_input(name);
  if (corrected) def.add_input("ratio");
  for (const char* name : {"g", "m", "w"}) def.add_output(name);
  set_arg(def, "momentum", kMomentum);
  set_arg(def, "nesterov", int64_t{nesterov});

  Vector w = kStart;
  Blob momentum = tensor({});
  for (int step = 0; step < kSteps; ++step) {
    std::vector<Blob> inputs = {tensor(gradient(w)), momentum,
                                Tensor::from<double>({1}, {rate(step)}), tensor(w)};
    if (corrected) inputs.emplace_back(Tensor::from<double>({1}, {ratio(step)}));
    std::vector<Blob> outputs = run_operator(def, inputs);
    momentum = outputs[1];
    auto parameter = outputs[2].tensor().data<double>();
    std::copy(parameter.begin(), parameter.end(), w.begin());
  }
  return w;
}

double distance(const Vector& a, const Vector& b) {
  double largest = 0;
  for (int i = 0; i < 3; ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(MomentumCorrection, EqualsTheRateOutsideTheBuffer) {
  EXPECT_LT(distance(with_operator(false, true), reference(false)), 1e-14);
}

TEST(MomentumCorrection, EqualsTheRateOutsideTheBufferWithNesterov) {
  EXPECT_LT(distance(with_operator(true, true), reference(true)), 1e-14);
}

TEST(MomentumCorrection, IsNeededWhenTheRateChanges) {
  EXPECT_GT(distance(with_operator(false, false), reference(false)), 1e-3);
  EXPECT_GT(distance(with_operator(true, false), reference(true)), 1e-3);
}

}  // namespace
}  // namespace headrace::testing
