// What LearningRate adds to Caffe2's policies: the policy `epochs` and the ratio of successive
// rates. The numbers come from Goyal et al., "Accurate, Large Minibatch SGD" (2017), sections 2.2
// and 5.1.

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "tests/operators/run_operator.h"
#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

struct Rates {
  float rate;
  float ratio;
};

OperatorDef learning_rate(const char* policy, float base) {
  OperatorDef def;
  def.set_type("LearningRate");
  def.add_input("iteration");
  def.add_output("rate");
  def.add_output("ratio");
  set_arg(def, "policy", std::string_view(policy));
  set_arg(def, "base_lr", base);
  return def;
}

Rates at(const OperatorDef& def, int64_t iteration) {
  auto outputs = run_operator(def, {Blob(Tensor::from<int64_t>({1}, {iteration}))});
  return {outputs[0].tensor().item<float>(), outputs[1].tensor().item<float>()};
}

/// ImageNet's 1,281,167 images in minibatches of 8192: 156.39 iterations per epoch.
constexpr int64_t kImages = 1281167;
constexpr int64_t kBatch = 8192;

/// The rate of 3.2 = 0.1 * 8192 / 256, reached from 0.1 in 5 epochs, divided by 10 at 30, 60
/// and 80.
OperatorDef one_hour() {
  OperatorDef def = learning_rate("epochs", 3.2f);
  set_arg(def, "batch_size", kBatch);
  set_arg(def, "epoch_size", kImages);
  set_arg(def, "warmup", std::string_view("gradual"));
  set_arg(def, "warmup_epochs", 5.0f);
  set_arg(def, "start_multiplier", 0.1f / 3.2f);
  set_arg(def, "decay", std::string_view("step"));
  set_arg(def, "gamma", 0.1f);
  set_arg(def, "milestones", std::vector<float>{30, 60, 80});
  return def;
}

/// First iteration that begins at or after an epoch: ceil(epoch * images / batch).
int64_t first_of(int64_t epoch) { return (epoch * kImages + kBatch - 1) / kBatch; }

TEST(LearningRateEpochs, WarmsUpByEqualAmounts) {
  OperatorDef def = one_hour();
  double iterations = 5.0 * kImages / kBatch;
  for (int64_t t : {0, 1, 100, 500, 781}) {
    EXPECT_NEAR(at(def, t).rate, 0.1 + static_cast<double>(t) * 3.1 / iterations, 2e-7) << t;
  }
  // The first step adds 4 %.
  EXPECT_NEAR(at(def, 1).ratio, 1.0396, 5e-5);
}

TEST(LearningRateEpochs, WarmUpEndsAtTheFullRateWithoutAJump) {
  OperatorDef def = one_hour();
  EXPECT_EQ(first_of(5), 782);
  EXPECT_LT(at(def, 781).rate, 3.2f);
  EXPECT_NEAR(at(def, 781).rate, 3.2f, 3.1 / 781);
  EXPECT_EQ(at(def, 782).rate, 3.2f);
}

TEST(LearningRateEpochs, DropsExactlyAtTheMilestones) {
  OperatorDef def = one_hour();
  float before = 3.2f;
  for (auto [epoch, rate] : {std::pair(30, 0.32f), std::pair(60, 0.032f), std::pair(80, 0.0032f)}) {
    int64_t first = first_of(epoch);
    EXPECT_FLOAT_EQ(at(def, first - 1).rate, before) << epoch;
    EXPECT_FLOAT_EQ(at(def, first).rate, rate) << epoch;
    EXPECT_FLOAT_EQ(at(def, first).ratio, 0.1f) << epoch;
    EXPECT_EQ(at(def, first + 1).ratio, 1) << epoch;
    before = rate;
  }
}

TEST(LearningRateEpochs, AMilestoneIsItsFirstIterationWhateverTheBatch) {
  for (int64_t batch : {1, 7, 32, 100, 256, 997, 1000}) {
    OperatorDef def = learning_rate("epochs", 1.0f);
    set_arg(def, "batch_size", batch);
    set_arg(def, "epoch_size", int64_t{1000});
    set_arg(def, "decay", std::string_view("step"));
    set_arg(def, "gamma", 0.5f);
    set_arg(def, "milestones", std::vector<float>{3});
    int64_t first = (3 * 1000 + batch - 1) / batch;
    EXPECT_EQ(at(def, first - 1).rate, 1.0f) << batch;
    EXPECT_EQ(at(def, first).rate, 0.5f) << batch;
  }
}

// A fraction of an epoch comes as the float32 beside it, above or below: 16 / 3 epochs of 60000 in
// batches of 64 are 5000 iterations, 0.1 epochs in batches of 60 are 100.
TEST(LearningRateEpochs, AFractionOfAnEpochIsTheIterationMeant) {
  struct Case {
    double epoch;
    int64_t epoch_size, batch, first;
  };
  const Case cases[] = {{16.0 / 3, 60000, 64, 5000},
                        {0.1, 60000, 60, 100},
                        {0.3, 60000, 60, 300},
                        {1.0 / 3, 60000, 2000, 10},
                        {100.0 / 3, 1281024, 256, 166800},
                        // Within an iteration: the first after it.
                        {16.0 / 3, 60000, 60, 5334},
                        {2.5, 1001, 5, 501},
                        {0.1, 60000, 59, 102}};
  for (const Case& c : cases) {
    OperatorDef def = learning_rate("epochs", 1.0f);
    set_arg(def, "batch_size", c.batch);
    set_arg(def, "epoch_size", c.epoch_size);
    OperatorDef warmup = def;
    set_arg(def, "decay", std::string_view("step"));
    set_arg(def, "gamma", 0.5f);
    set_arg(def, "milestones", std::vector<float>{static_cast<float>(c.epoch)});
    EXPECT_EQ(at(def, c.first - 1).rate, 1.0f) << c.epoch << " of " << c.batch;
    EXPECT_EQ(at(def, c.first).rate, 0.5f) << c.epoch << " of " << c.batch;
    set_arg(warmup, "warmup", std::string_view("constant"));
    set_arg(warmup, "warmup_epochs", static_cast<float>(c.epoch));
    set_arg(warmup, "start_multiplier", 0.25f);
    EXPECT_EQ(at(warmup, c.first - 1).rate, 0.25f) << c.epoch << " of " << c.batch;
    EXPECT_EQ(at(warmup, c.first).rate, 1.0f) << c.epoch << " of " << c.batch;
  }
}

TEST(LearningRateEpochs, ConstantWarmUpJumps) {
  OperatorDef def = one_hour();
  set_arg(def, "warmup", std::string_view("constant"));
  EXPECT_FLOAT_EQ(at(def, 0).rate, 0.1f);
  EXPECT_FLOAT_EQ(at(def, 781).rate, 0.1f);
  EXPECT_FLOAT_EQ(at(def, 782).rate, 3.2f);
  EXPECT_FLOAT_EQ(at(def, 782).ratio, 32);
}

TEST(LearningRateEpochs, PolyAndCosineRunFromTheWarmUpToTheEnd) {
  OperatorDef def = learning_rate("epochs", 2.0f);
  set_arg(def, "batch_size", int64_t{10});
  set_arg(def, "epoch_size", int64_t{100});
  set_arg(def, "warmup", std::string_view("gradual"));
  set_arg(def, "warmup_epochs", 1.0f);
  set_arg(def, "start_multiplier", 0.0f);
  set_arg(def, "epochs", 5.0f);
  set_arg(def, "power", 2.0f);
  set_arg(def, "end_multiplier", 0.1f);
  for (const char* decay : {"poly", "cosine"}) {
    set_arg(def, "decay", std::string_view(decay));
    for (int64_t t : {10, 11, 20, 30, 49, 50, 51, 500}) {
      double part = std::min(1.0, (static_cast<double>(t) - 10) / 40);
      double fall =
          decay[0] == 'p' ? (1 - part) * (1 - part) : (1 + std::cos(std::numbers::pi * part)) / 2;
      EXPECT_NEAR(at(def, t).rate, 2 * (0.1 + 0.9 * fall), 1e-6) << decay << " " << t;
    }
    EXPECT_EQ(at(def, 5).rate, 1.0f) << decay;
  }
}

TEST(LearningRateRatio, IsThisRateOverTheLast) {
  OperatorDef def = learning_rate("exp", 0.5f);
  set_arg(def, "gamma", 0.75f);
  EXPECT_EQ(at(def, 0).ratio, 1);
  for (int64_t t : {1, 2, 17}) EXPECT_FLOAT_EQ(at(def, t).ratio, 0.75f) << t;
}

TEST(LearningRateRatio, IsOneAfterARateOfZero) {
  OperatorDef def = learning_rate("alter", 0.5f);
  set_arg(def, "active_period", int64_t{1});
  set_arg(def, "inactive_period", int64_t{2});
  EXPECT_EQ(at(def, 1).ratio, 0);  // 0.5 to 0
  EXPECT_EQ(at(def, 2).ratio, 1);  // 0 to 0
  EXPECT_EQ(at(def, 3).ratio, 1);  // 0 to 0.5
}

TEST(LearningRateRatio, IsOneBelowTheThreshold) {
  // Detectron corrects for changes by more than a factor of 1.1 only: never in this warm-up, whose
  // first step is one of 4 %, always at the drops.
  OperatorDef def = one_hour();
  set_arg(def, "ratio_threshold", 1.1f);
  EXPECT_EQ(at(def, 1).ratio, 1);
  EXPECT_FLOAT_EQ(at(def, first_of(30)).ratio, 0.1f);
  set_arg(def, "ratio_threshold", 1.03f);
  EXPECT_NEAR(at(def, 1).ratio, 1.0396, 5e-5);
}

TEST(LearningRateRatio, IsTheSameForNegativeRates) {
  OperatorDef def = one_hour();
  set_arg(def, "base_lr", -3.2f);
  EXPECT_FLOAT_EQ(at(def, first_of(30)).ratio, 0.1f);
}

}  // namespace
}  // namespace headrace::testing
