#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/args.h"
#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "models/model.h"
#include "net_builders/net_state.h"

namespace headrace {
namespace {

int64_t parameter_count(const Model& model) {
  int64_t count = 0;
  for (const Parameter& parameter : model.net.parameters()) count += parameter.shape.numel();
  return count;
}

/// Multiply-adds of convolutions and matrix products for one image: each output element takes one
/// per weight of its filter.
double multiply_adds(const Model& model) {
  const NetWriter& writer = model.net.state()->training;
  double count = 0;
  for (const OperatorDef& op : writer.net().op()) {
    if (op.type() != "Conv" && op.type() != "FC") continue;
    const Shape weight = writer.desc(op.input(1)).shape;
    count += static_cast<double>(writer.desc(op.output(0)).shape.numel()) *
             static_cast<double>(weight.product(1, weight.rank()));
  }
  return count;
}

// Published with the weights of torchvision: resnet*, vgg* and squeezenet1_1 (pytorch.org/vision,
// "num_params" and "GFLOPS", which counts multiply-adds). AlexNet, in the form with groups: the
// BVLC model zoo's weights, 60,965,224 of them; Krizhevsky et al. say 60 million.
TEST(Models, ParameterCountsAsPublished) {
  const std::map<std::string, int64_t> published{
      {"resnet18", 11'689'512},  {"resnet34", 21'797'672},  {"resnet50", 25'557'032},
      {"resnet101", 44'549'160}, {"resnet152", 60'192'808}, {"vgg16", 138'357'544},
      {"vgg19", 143'667'240},    {"squeezenet", 1'235'496}, {"alexnet", 60'965'224},
  };
  for (const auto& [name, count] : published) {
    EXPECT_EQ(parameter_count(build_model(name, {.batch = 1})), count) << name;
  }
}

TEST(Models, MultiplyAddsAsPublished) {
  const std::map<std::string, double> published{
      {"resnet18", 1.814},   {"resnet34", 3.664}, {"resnet50", 4.089}, {"resnet101", 7.801},
      {"resnet152", 11.514}, {"vgg16", 15.47},    {"vgg19", 19.632},   {"squeezenet", 0.349}};
  for (const auto& [name, giga] : published) {
    EXPECT_NEAR(multiply_adds(build_model(name, {.batch = 1})) / 1e9, giga, 0.006) << name;
  }
}

// He et al., table 1, with the projections of their option B: a convolution per weight tensor, two
// vectors per normalisation, two tensors of the classifier.
TEST(Models, TensorsOfResNet50) {
  const Model model = build_model("resnet50", {.batch = 1});
  std::map<std::string, int> kinds;
  for (const Parameter& parameter : model.net.parameters()) {
    const std::string suffix = parameter.name.substr(parameter.name.rfind('_'));
    ++kinds[std::to_string(parameter.shape.rank()) + suffix];
  }
  EXPECT_THAT(kinds, ::testing::ElementsAre(::testing::Pair("1_b", 54), ::testing::Pair("1_s", 53),
                                            ::testing::Pair("2_w", 1), ::testing::Pair("4_w", 53)));
  EXPECT_EQ(model.net.parameters().size(), 161u);
}

// Section 4.2 of He et al. says 0.27, 0.46 and 0.85 million for 20, 32 and 56 layers with shortcuts
// without parameters; the two projections here add 16*32 + 32*64 weights and 2*(32+64) of their
// normalisations. Exactly: 9 conv weights per channel pair, 2 per normalised channel, classifier.
TEST(Models, SmallResNets) {
  for (auto [name, n] :
       {std::pair("resnet8", 1), {"resnet20", 3}, {"resnet32", 5}, {"resnet56", 9}}) {
    int64_t count = 9 * 3 * 16 + 2 * 16;
    count += 2 * n * (9 * 16 * 16 + 2 * 16);
    count += 9 * 16 * 32 + (2 * n - 1) * 9 * 32 * 32 + 2 * n * 2 * 32;
    count += 9 * 32 * 64 + (2 * n - 1) * 9 * 64 * 64 + 2 * n * 2 * 64;
    const int64_t projections = 16 * 32 + 32 * 64 + 2 * (32 + 64);
    const int64_t classifier = 64 * 10 + 10;
    EXPECT_EQ(parameter_count(build_model(name, {.batch = 1})), count + projections + classifier)
        << name;
  }
  // 9 * 8 + 16, blocks of 1184, 3456 + 64 + 160, 13824 + 128 + 576, and 32 * 10 + 10.
  EXPECT_EQ(parameter_count(build_model("resnet8_narrow", {.batch = 1})), 19'810);
  EXPECT_NEAR(parameter_count(build_model("resnet20", {.batch = 1})), 0.27e6, 0.005e6);
  EXPECT_NEAR(parameter_count(build_model("resnet56", {.batch = 1})), 0.85e6, 0.01e6);
}

TEST(Models, OptionsChangeWhatTheyName) {
  const Model model =
      build_model("resnet8", {.batch = 5, .image = 28, .channels = 1, .classes = 7});
  EXPECT_EQ(model.net.state()->training.desc("data").shape, (Shape{5, 1, 28, 28}));
  EXPECT_EQ(model.net.state()->training.desc("label").shape, (Shape{5}));
  EXPECT_EQ(model.scores.shape(), (Shape{5, 7}));
  EXPECT_THAT(model.net.state()->roles.accuracies, ::testing::ElementsAre("accuracy"));
  const Model large = build_model("resnet8", {.batch = 5});
  EXPECT_THAT(large.net.state()->roles.accuracies,
              ::testing::ElementsAre("accuracy", "accuracy_top5"));
}

TEST(Models, TheThreeByThreeConvolutionStrides) {
  const Model model = build_model("resnet50", {.batch = 1});
  const NetDef net = model.net.forward_net();
  int strided = 0;
  for (const OperatorDef& op : net.op()) {
    if (op.type() != "Conv") continue;
    const Args args(get_schema("Conv"), op);
    if (!args.has("stride") || op.output(0).ends_with("shortcut")) continue;
    EXPECT_NE(args.integer("kernel"), 1) << op.output(0);
    ++strided;
  }
  EXPECT_EQ(strided, 4);  // the stem and the first blocks of three stages
}

TEST(Models, OnlyTheLastNormalisationOfABlockStartsAtZero) {
  const Model model = build_model("resnet50", {.batch = 1});
  const NetDef init = model.net.init_net();
  int zeros = 0;
  for (const OperatorDef& op : init.op()) {
    if (!op.output(0).ends_with("_s")) continue;
    const Args args(get_schema(op.type()), op);
    const bool last_of_block = op.output(0).ends_with("/bn3_s");
    EXPECT_EQ(args.real("value"), last_of_block ? 0 : 1) << op.output(0);
    zeros += last_of_block;
  }
  EXPECT_EQ(zeros, 16);
}

TEST(Models, UnknownNamesAndImagesThatAreTooSmall) {
  try {
    find_model("resnet51");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'resnet50'"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("vgg16"));
  }
  EXPECT_THROW(build_model("alexnet", {.batch = 1, .image = 32}), Error);
  EXPECT_THROW(build_model("resnet8", {.batch = 0}), Error);
  EXPECT_THROW(build_model("resnet8", {.image = -1}), Error);
}

}  // namespace
}  // namespace headrace
