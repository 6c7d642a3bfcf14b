#include "net_builders/schedule.h"

#include <map>

#include <gtest/gtest.h>

#include "core/error.h"

namespace headrace {
namespace {

std::map<std::string, OpArg::Value> args_of(const LearningRateSchedule& schedule, int64_t batch,
                                            int64_t epoch_size) {
  std::map<std::string, OpArg::Value> args;
  for (const OpArg& arg : schedule.args(batch, epoch_size)) args[arg.name] = arg.value;
  return args;
}

float real(const OpArg::Value& value) { return std::get<float>(value); }
const std::string& text(const OpArg::Value& value) { return std::get<std::string>(value); }

// Goyal et al., section 5.1: 0.1 * kn / 256, gradual warm-up from 0.1 over 5 epochs, drops at
// epochs 30, 60 and 80; figure 3 gives 3.2 for 8192 images.
TEST(Schedule, TheRecipeOfThePaper) {
  const LearningRateSchedule schedule =
      linear_scaling(0.1f, 256).warmup(epochs(5)).decay(0.1f, at_epochs({30, 60, 80}));
  auto args = args_of(schedule, 8192, 1'281'167);
  EXPECT_FLOAT_EQ(real(args.at("base_lr")), 3.2f);
  EXPECT_EQ(text(args.at("policy")), "epochs");
  EXPECT_EQ(std::get<int64_t>(args.at("batch_size")), 8192);
  EXPECT_EQ(std::get<int64_t>(args.at("epoch_size")), 1'281'167);
  EXPECT_EQ(text(args.at("warmup")), "gradual");
  EXPECT_EQ(real(args.at("warmup_epochs")), 5);
  EXPECT_FLOAT_EQ(real(args.at("start_multiplier")) * 3.2f, 0.1f);
  EXPECT_EQ(text(args.at("decay")), "step");
  EXPECT_EQ(real(args.at("gamma")), 0.1f);
  EXPECT_EQ(std::get<std::vector<float>>(args.at("milestones")), (std::vector<float>{30, 60, 80}));
}

TEST(Schedule, RatesOfFigure3) {
  const LearningRateSchedule schedule = linear_scaling(0.1f, 256);
  for (auto [batch, rate] : std::map<int64_t, float>{
           {128, 0.05f}, {256, 0.1f}, {512, 0.2f}, {1024, 0.4f}, {8192, 3.2f}, {65536, 25.6f}}) {
    EXPECT_FLOAT_EQ(schedule.rate(batch), rate) << batch;
  }
  EXPECT_EQ(fixed_rate(0.4f).rate(8192), 0.4f);
}

TEST(Schedule, ABatchOfTheReferenceOrLessDoesNotWarmUp) {
  const LearningRateSchedule schedule = linear_scaling(0.1f, 256).warmup(epochs(5));
  EXPECT_EQ(real(args_of(schedule, 256, 1000).at("start_multiplier")), 1);
  EXPECT_EQ(real(args_of(schedule, 32, 1000).at("start_multiplier")), 1);
}

TEST(Schedule, AnotherStartOfTheWarmUp) {
  auto args = args_of(fixed_rate(0.4f).constant_warmup(epochs(0.5), 0.1f), 32, 1000);
  EXPECT_EQ(text(args.at("warmup")), "constant");
  EXPECT_FLOAT_EQ(real(args.at("start_multiplier")), 0.25f);
}

TEST(Schedule, WithoutEpochsItIsAPolicyOfCaffe2) {
  auto args = args_of(fixed_rate(0.4f), 32, 0);
  EXPECT_EQ(args.size(), 2u);
  EXPECT_EQ(text(args.at("policy")), "fixed");
  EXPECT_EQ(real(args.at("base_lr")), 0.4f);
}

TEST(Schedule, PolyAndCosine) {
  auto poly = args_of(fixed_rate(1).poly_decay(2, epochs(90), 0.01f), 32, 1000);
  EXPECT_EQ(text(poly.at("decay")), "poly");
  EXPECT_EQ(real(poly.at("power")), 2);
  EXPECT_EQ(real(poly.at("epochs")), 90);
  EXPECT_EQ(real(poly.at("end_multiplier")), 0.01f);
  auto cosine = args_of(fixed_rate(1).cosine_decay(epochs(4)), 32, 1000);
  EXPECT_EQ(text(cosine.at("decay")), "cosine");
  EXPECT_EQ(real(cosine.at("end_multiplier")), 0);
  EXPECT_FALSE(cosine.contains("power"));
}

TEST(ScheduleError, PartsThatDoNotFit) {
  EXPECT_THROW(fixed_rate(0), Error);
  EXPECT_THROW(fixed_rate(-0.1f), Error);
  EXPECT_THROW(linear_scaling(0.1f, 0), Error);
  EXPECT_THROW(fixed_rate(1).warmup(epochs(5)), Error) << "from which rate?";
  EXPECT_THROW(linear_scaling(0.1f, 256).warmup(epochs(0)), Error);
  EXPECT_THROW(fixed_rate(1).decay(0.1f, at_epochs({})), Error);
  EXPECT_THROW(fixed_rate(1).decay(0.1f, at_epochs({60, 30})), Error);
  EXPECT_THROW(fixed_rate(1).decay(0, at_epochs({30})), Error);
  EXPECT_THROW(fixed_rate(1).poly_decay(0, epochs(90)), Error);
  EXPECT_THROW(fixed_rate(1).cosine_decay(epochs(0)), Error);
  const LearningRateSchedule drops_early =
      linear_scaling(0.1f, 256).warmup(epochs(5)).decay(0.1f, at_epochs({3}));
  EXPECT_THROW(drops_early.args(8192, 1000), Error);
  const LearningRateSchedule nothing_left =
      linear_scaling(0.1f, 256).warmup(epochs(5)).cosine_decay(epochs(5));
  EXPECT_THROW(nothing_left.args(8192, 1000), Error);
  EXPECT_THROW(linear_scaling(0.1f, 256).warmup(epochs(5)).args(8192, 0), Error)
      << "an epoch of how many samples?";
}

}  // namespace
}  // namespace headrace
