#include "core/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kNames = {"Sum",         "Sub",     "Selu",
                                         "SumElements", "conv1_w", "conv10_w"};

TEST(Nearest, RanksByLettersToChange) {
  EXPECT_THAT(nearest("Smu", kNames, 1), ElementsAre("Sum")) << "two letters swapped are one slip";
  EXPECT_THAT(nearest("sum", kNames, 1), ElementsAre("Sum")) << "case does not count";
  EXPECT_THAT(nearest("conv1_v", kNames, 2), ElementsAre("conv1_w", "conv10_w"));
  EXPECT_THAT(nearest("SumElement", kNames, 1), ElementsAre("SumElements"));
}

TEST(Nearest, ForgetsWhatIsTooFar) {
  EXPECT_THAT(nearest("GenerateProposals", kNames, 3), IsEmpty());
  EXPECT_EQ(did_you_mean("GenerateProposals", kNames), "");
}

TEST(DidYouMean, ListsTheNearest) {
  EXPECT_EQ(did_you_mean("SumElement", kNames), " (did you mean 'SumElements'?)");
  EXPECT_EQ(did_you_mean("Su", kNames), " (did you mean 'Sub', 'Sum' or 'Selu'?)");
}

}  // namespace
}  // namespace headrace
