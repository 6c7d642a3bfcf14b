// Properties of whole models as they are trained: Goyal et al. (2017), section 5.1.
#include <cmath>

#include <gtest/gtest.h>

#include "graph/gradient.h"
#include "models/model.h"
#include "tests/support/trainer.h"

namespace headrace {
namespace {

TrainStep step_of(const Model& model) {
  TrainStep step(model.loss);
  step.optimizer(MomentumSgd{.nesterov = true, .weight_decay = 1e-4f}).schedule(fixed_rate(0.05f));
  return step;
}

void feed_images(Trainer& trainer, const Shape& shape) {
  std::vector<float> pixels(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i % 1009)));
  }
  trainer.feed("data", shape, pixels);
  std::vector<int32_t> labels;
  for (int n = 0; n < shape[0]; ++n) labels.push_back(n % 10);
  trainer.feed_labels("label", labels);
}

// gamma = 0 in the last normalisation of each block: at the start a block is its shortcut, and the
// convolutions inside it have no gradient.
TEST(Training, BlocksStartAsTheirShortcuts) {
  const Model model = build_model("resnet20", {.batch = 2, .image = 16});
  NetDef net = model.net.forward_net();
  graph::GradientOptions wanted;
  for (const Parameter& parameter : model.net.parameters()) {
    wanted.with_respect_to.push_back(parameter.name);
  }
  const auto gradients = graph::add_gradients(net, {{model.loss.name()}}, wanted);
  Trainer::Options options;
  for (const auto& [parameter, gradient] : gradients) options.readable.push_back(gradient);
  // A block with the identity as shortcut, and one with a projection.
  for (const char* blob : {"relu1", "res1_1/relu2", "res2_1/shortcut_bn", "res2_1/relu2"}) {
    options.readable.push_back(blob);
  }
  Trainer trainer(model.net.init_net(), net, options);
  feed_images(trainer, {2, 3, 16, 16});
  trainer.step();

  EXPECT_EQ(trainer.values("res1_1/relu2"), trainer.values("relu1"));  // relu of relu is relu
  std::vector<float> shortcut = trainer.values("res2_1/shortcut_bn");
  for (float& x : shortcut) x = std::max(x, 0.0f);
  EXPECT_EQ(trainer.values("res2_1/relu2"), shortcut);

  int inside = 0;
  for (const auto& [parameter, gradient] : gradients) {
    const std::vector<float> values = trainer.values(gradient);
    const bool all_zero = std::ranges::all_of(values, [](float x) { return x == 0; });
    const bool conv_of_block = parameter.ends_with("/conv1_w") || parameter.ends_with("/conv2_w");
    if (conv_of_block) {
      EXPECT_TRUE(all_zero) << parameter;
      ++inside;
    }
    // What takes part from the start: the stem, projections, the last gamma, the classifier.
    if (parameter == "conv1_w" || parameter.ends_with("shortcut_w") ||
        parameter.ends_with("/bn2_s") || parameter == "fc_w") {
      EXPECT_FALSE(all_zero) << parameter;
    }
  }
  EXPECT_EQ(inside, 18);
}

struct Statistics {
  double mean = 0, deviation = 0, count = 0;
};

Statistics statistics(const std::vector<float>& values) {
  Statistics s{.count = static_cast<double>(values.size())};
  for (float x : values) s.mean += x / s.count;
  for (float x : values) s.deviation += (x - s.mean) * (x - s.mean) / s.count;
  s.deviation = std::sqrt(s.deviation);
  return s;
}

// Three standard errors: of a mean sigma / sqrt(n), of a standard deviation sigma / sqrt(2 n).
TEST(Training, InitialWeightsHaveTheDeviationOfThePaper) {
  const Model model = build_model("resnet50", {.batch = 1});
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  run_once(model.net.init_net(), workspace, pool, /*seed=*/1);
  int checked = 0, outside = 0;
  for (const Parameter& parameter : model.net.parameters()) {
    if (!parameter.name.ends_with("_w")) continue;
    const Shape& shape = parameter.shape;
    const double expected =
        shape.rank() == 2 ? 0.01
                          : std::sqrt(2.0 / static_cast<double>(shape[0] * shape[2] * shape[3]));
    const Tensor weight = workspace.fetch(parameter.name);
    const auto data = weight.data<float>();
    const Statistics found = statistics({data.begin(), data.end()});
    outside += std::abs(found.deviation - expected) > 3 * expected / std::sqrt(2 * found.count);
    outside += std::abs(found.mean) > 3 * expected / std::sqrt(found.count);
    ++checked;
  }
  EXPECT_EQ(checked, 54);
  // Of 108 correct tests about 0.3 lie outside three standard errors.
  EXPECT_LE(outside, 2);
}

TEST(Training, TheSeedAndTheNameDecideInitialWeights) {
  auto weights = [](uint64_t seed, int threads) {
    Workspace workspace;
    ThreadPool pool({.threads = threads});
    const Model model = build_model("resnet8", {.batch = 1});
    run_once(model.net.init_net(), workspace, pool, seed);
    const Tensor tensor = workspace.fetch("res3_1/conv2_w");
    const auto data = tensor.data<float>();
    return std::vector<float>(data.begin(), data.end());
  };
  EXPECT_EQ(weights(7, 1), weights(7, 2));
  EXPECT_NE(weights(7, 1), weights(8, 1));
}

std::vector<float> trained(const Trainer::Options& options, int steps) {
  const Model model = build_model("resnet8", {.batch = 8, .image = 16});
  Trainer trainer(step_of(model), options);
  feed_images(trainer, {8, 3, 16, 16});
  for (int i = 0; i < steps; ++i) trainer.step();
  std::vector<float> all;
  for (const Parameter& parameter : model.net.parameters()) {
    const std::vector<float> values = trainer.values(parameter.name);
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST(Training, IsTheSameEveryTime) {
  for (int threads : {1, 2}) {
    EXPECT_EQ(trained({.threads = threads}, 3), trained({.threads = threads}, 3)) << threads;
  }
}

// The order of operators is no part of the result; the width of sums over images is, in float32.
TEST(Training, HardlyDependsOnThreadsAndNotOnTheExecutor) {
  const std::vector<float> one = trained({.threads = 1}, 3);
  EXPECT_EQ(trained({.threads = 1, .serial = true}, 3), one);
  for (const Trainer::Options& options :
       {Trainer::Options{.threads = 2}, Trainer::Options{.threads = 4},
        Trainer::Options{.threads = 2, .serial = true}}) {
    const std::vector<float> other = trained(options, 3);
    for (size_t i = 0; i < one.size(); ++i) {
      ASSERT_NEAR(other[i], one[i], 1e-5 * std::max(1.0f, std::abs(one[i]))) << i;
    }
  }
}

TEST(Training, TheLossFalls) {
  const Model model = build_model("resnet8", {.batch = 8, .image = 16});
  Trainer trainer(step_of(model));
  feed_images(trainer, {8, 3, 16, 16});
  trainer.step();
  const float first = trainer.value("loss");
  for (int i = 0; i < 20; ++i) trainer.step();
  EXPECT_NEAR(first, std::log(10), 0.3);  // ten classes, nothing known yet
  EXPECT_LT(trainer.value("loss"), 0.5f * first);
}

}  // namespace
}  // namespace headrace
