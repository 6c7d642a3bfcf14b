// Running statistics of batch normalisation: 0.9 old + 0.1 new (Goyal et al., section 5.1), the
// variance being the unbiased one of the batch; and their exact replacement before an evaluation.
#include <gtest/gtest.h>

#include "core/error.h"
#include "net_builders/precise_statistics.h"
#include "tests/support/expect_error.h"
#include "tests/support/trainer.h"

namespace headrace {
namespace {

constexpr int kBatch = 3, kChannels = 2, kSide = 4;
const Shape kShape{kBatch, kChannels, kSide, kSide};

std::vector<float> batch(int number) {
  std::vector<float> values(static_cast<size_t>(kShape.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = 0.25f * static_cast<float>((i * 31 + number * 17) % 23) - 2 +
                0.5f * static_cast<float>(number);
  }
  return values;
}

struct Moments {
  std::vector<double> mean, variance;  // unbiased
};

/// By the definition, of values [N, channels, H, W].
Moments moments(const std::vector<float>& values, int channels) {
  const size_t area = values.size() / kBatch / channels;
  Moments result{std::vector<double>(channels), std::vector<double>(channels)};
  for (int c = 0; c < channels; ++c) {
    std::vector<double> of_channel;
    for (int n = 0; n < kBatch; ++n) {
      const float* image = values.data() + (n * channels + c) * area;
      of_channel.insert(of_channel.end(), image, image + area);
    }
    const double count = static_cast<double>(of_channel.size());
    for (double x : of_channel) result.mean[c] += x / count;
    for (double x : of_channel) {
      result.variance[c] += (x - result.mean[c]) * (x - result.mean[c]) / (count - 1);
    }
  }
  return result;
}

struct Normalised {
  Net net{"normalised"};
  TrainStep step;

  Normalised() : step(build()) { step.optimizer(MomentumSgd{}).schedule(fixed_rate(0.1f)); }
  Value build() {
    Value x = net.input("data", kShape).batch_norm();
    x = x.conv({.filters = 4, .kernel = 3}).batch_norm();
    return x.fc(2).softmax_cross_entropy(net.labels("label", kBatch));
  }
};

TEST(RunningStatistics, NineTenthsOldAndOneTenthNew) {
  Trainer trainer(Normalised().step);
  trainer.feed_labels("label", {0, 1, 0});
  std::vector<double> mean(kChannels, 0), variance(kChannels, 1);
  for (int t = 0; t < 5; ++t) {
    trainer.feed("data", kShape, batch(t));
    trainer.step();
    const Moments of_batch = moments(batch(t), kChannels);
    for (int c = 0; c < kChannels; ++c) {
      mean[c] = 0.9 * mean[c] + 0.1 * of_batch.mean[c];
      variance[c] = 0.9 * variance[c] + 0.1 * of_batch.variance[c];
      EXPECT_NEAR(trainer.values("bn1_rm")[c], mean[c], 1e-6);
      EXPECT_NEAR(trainer.values("bn1_riv")[c], variance[c], 1e-6);
    }
  }
}

TEST(PreciseStatistics, AreTheMeansOverTheBatches) {
  const NetDef train = Normalised().step.train_net();
  Trainer::Options options{.readable = {"conv1"}};
  Trainer trainer(Normalised().step.init_net(), statistics_net(train, 3), options);
  // Whatever was there before does not matter.
  trainer.feed("bn1_rm", {kChannels}, {77, -77});
  run_once(statistics_reset_net(train), trainer.workspace(), trainer.pool());

  Moments first{std::vector<double>(2), std::vector<double>(2)};
  Moments second{std::vector<double>(4), std::vector<double>(4)};
  auto add = [](Moments& sum, const Moments& more) {
    for (size_t c = 0; c < sum.mean.size(); ++c) {
      sum.mean[c] += more.mean[c] / 3;
      sum.variance[c] += more.variance[c] / 3;
    }
  };
  for (int t = 0; t < 3; ++t) {
    trainer.feed("data", kShape, batch(t));
    trainer.step();
    add(first, moments(batch(t), kChannels));
    add(second, moments(trainer.values("conv1"), 4));
  }
  for (int c = 0; c < 2; ++c) {
    EXPECT_NEAR(trainer.values("bn1_rm")[c], first.mean[c], 1e-6);
    EXPECT_NEAR(trainer.values("bn1_riv")[c], first.variance[c], 1e-6);
  }
  for (int c = 0; c < 4; ++c) {
    EXPECT_NEAR(trainer.values("bn2_rm")[c], second.mean[c], 1e-6);
    EXPECT_NEAR(trainer.values("bn2_riv")[c], second.variance[c], 1e-6);
  }
}

TEST(PreciseStatistics, ChangeNoParameterAndNeedNoLabels) {
  const NetDef net = statistics_net(Normalised().step.train_net(), 3);
  for (const OperatorDef& op : net.op()) {
    for (const std::string& output : op.output()) {
      EXPECT_TRUE(output != "bn1_s" && output != "conv1_w" && output != "fc1") << output;
    }
  }
  for (const std::string& input : net.external_input()) EXPECT_NE(input, "label");
}

TEST(PreciseStatistics, WhatTheyCannotDo) {
  Net net("plain");
  TrainStep step(net.input("data", {2, 2}).fc(2).softmax_cross_entropy(net.labels("label", 2)));
  step.optimizer(MomentumSgd{}).schedule(fixed_rate(0.1f));
  testing::expect_error(ErrorCode::kInvalidArgument, "no SpatialBN",
                        [&] { statistics_net(step.train_net(), 3); });
  testing::expect_error(ErrorCode::kInvalidArgument, "at least one batch",
                        [&] { statistics_net(Normalised().step.train_net(), 0); });
}

}  // namespace
}  // namespace headrace
