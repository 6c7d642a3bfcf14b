// The learning rate that a training net computes, iteration by iteration, against the paper's
// schedule computed in double: eta + t (k - 1) eta / T_w during the warm-up of T_w iterations, and
// drops at exact epochs even where the batch does not divide the epoch.
#include <cmath>

#include <gtest/gtest.h>

#include "tests/support/trainer.h"

namespace headrace {
namespace {

constexpr int64_t kImageNet = 1'281'167;

Trainer net_with(const LearningRateSchedule& schedule, int64_t batch, int64_t epoch_size) {
  Net net("rate");
  Value x = net.input("data", {batch, 1});
  Value w = net.parameter("w", {batch, 1}, constant(1));
  TrainStep step(net.op("AveragedLoss", {x * w})[0]);
  step.optimizer(MomentumSgd{}).schedule(schedule).epoch_size(epoch_size);
  Trainer trainer(step);
  trainer.feed("data", {batch, 1}, std::vector<float>(static_cast<size_t>(batch), 0));
  return trainer;
}

float rate_at(Trainer& trainer, int64_t iteration) {
  trainer.feed_iteration(iteration);
  trainer.step();
  return trainer.value("learning_rate");
}

TEST(LearningRate, TheScheduleOfThePaper) {
  const LearningRateSchedule schedule =
      linear_scaling(0.1f, 256).warmup(epochs(5)).decay(0.1f, at_epochs({30, 60, 80}));
  for (int64_t batch : {8192, 256, 1000, 32}) {
    Trainer trainer = net_with(schedule, batch, kImageNet);
    const double eta = std::min(0.1, 0.1 * static_cast<double>(batch) / 256);
    const double full = 0.1 * static_cast<double>(batch) / 256;
    auto first_iteration_of = [&](int64_t epoch) {
      return (epoch * kImageNet + batch - 1) / batch;  // integers: no rounding
    };
    const int64_t warm = first_iteration_of(5);
    EXPECT_TRUE(batch != 8192 || warm == 782);  // the paper's 5 epochs of 156.4 iterations
    const double warm_length = 5.0 * kImageNet / static_cast<double>(batch);
    auto expected = [&](int64_t t) {
      if (t < warm) return eta + static_cast<double>(t) * (full - eta) / warm_length;
      double rate = full;
      for (int64_t epoch : {30, 60, 80}) {
        if (t >= first_iteration_of(epoch)) rate /= 10;
      }
      return rate;
    };
    std::vector<int64_t> interesting{0, 1, 2, warm / 2, warm - 1, warm, warm + 1};
    for (int64_t epoch : {30, 60, 80}) {
      for (int64_t offset : {-1, 0, 1}) interesting.push_back(first_iteration_of(epoch) + offset);
    }
    for (int64_t t : interesting) {
      EXPECT_NEAR(rate_at(trainer, t) / expected(t), 1, 3e-7) << "batch " << batch << ", t " << t;
    }
  }
}

TEST(LearningRate, CountsIterationsByItself) {
  Trainer trainer =
      net_with(linear_scaling(0.1f, 1).warmup(epochs(5)).decay(0.1f, at_epochs({6})), 4, 8);
  std::vector<float> rates;
  for (int t = 0; t < 13; ++t) {
    trainer.step();
    rates.push_back(trainer.value("learning_rate"));
  }
  // From 0.1 by 0.03 to 0.4 over ten iterations; two more; a tenth.
  for (int t = 0; t < 10; ++t) EXPECT_FLOAT_EQ(rates[t], 0.1f + 0.03f * static_cast<float>(t));
  EXPECT_FLOAT_EQ(rates[10], 0.4f);
  EXPECT_FLOAT_EQ(rates[11], 0.4f);
  EXPECT_FLOAT_EQ(rates[12], 0.04f);
}

TEST(LearningRate, PolyAndCosineEndWhereTheySay) {
  for (const LearningRateSchedule& schedule : {fixed_rate(2).poly_decay(2, epochs(10), 0.25f),
                                               fixed_rate(2).cosine_decay(epochs(10), 0.25f)}) {
    Trainer trainer = net_with(schedule, 4, 40);
    EXPECT_FLOAT_EQ(rate_at(trainer, 0), 2);
    EXPECT_FLOAT_EQ(rate_at(trainer, 100), 0.5f);
    EXPECT_FLOAT_EQ(rate_at(trainer, 1000), 0.5f);
  }
  Trainer poly = net_with(fixed_rate(2).poly_decay(2, epochs(10)), 4, 40);
  EXPECT_FLOAT_EQ(rate_at(poly, 50), 0.5f);
  Trainer cosine = net_with(fixed_rate(2).cosine_decay(epochs(10)), 4, 40);
  EXPECT_FLOAT_EQ(rate_at(cosine, 50), 1);
  EXPECT_NEAR(rate_at(cosine, 25), 1 + std::cos(M_PI / 4), 1e-6);
}

}  // namespace
}  // namespace headrace
