#include "net_builders/net.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/args.h"
#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "graph/graph.h"
#include "net_builders/net_state.h"
#include "tests/support/net_text.h"

namespace headrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

int64_t integer_arg(const OperatorDef& op, const std::string& name) {
  return Args(get_schema(op.type()), op).integer(name);
}

TEST(Net, TwoPhasesOfTheSameLayers) {
  Net net("small");
  Value x = net.input("data", {4, 3, 8, 8});
  x = x.conv({.filters = 6, .kernel = 3, .pad = 1}).batch_norm().relu().dropout(0.25f);
  Value loss = x.fc(10).softmax_cross_entropy(net.labels("label", 4));
  EXPECT_THAT(
      operators_of(net.forward_net()),
      ElementsAre("Conv data conv1_w -> conv1",
                  "SpatialBN conv1 bn1_s bn1_b bn1_rm bn1_riv -> bn1 bn1_rm bn1_riv bn1_sm "
                  "bn1_siv",
                  "Relu bn1 -> relu1", "Dropout relu1 -> dropout1 dropout1_mask",
                  "FC dropout1 fc1_w fc1_b -> fc1", "SoftmaxWithLoss fc1 label -> softmax loss"));
  EXPECT_THAT(
      operators_of(net.predict_net()),
      ElementsAre("Conv data conv1_w -> conv1", "SpatialBN conv1 bn1_s bn1_b bn1_rm bn1_riv -> bn1",
                  "Relu bn1 -> relu1", "Dropout relu1 -> dropout1",
                  "FC dropout1 fc1_w fc1_b -> fc1", "Softmax fc1 -> softmax"));
  EXPECT_EQ(loss.name(), "loss");
  EXPECT_EQ(integer_arg(net.forward_net().op(1), "is_test"), 0);
  EXPECT_EQ(integer_arg(net.predict_net().op(1), "is_test"), 1);
  EXPECT_EQ(integer_arg(net.predict_net().op(3), "is_test"), 1);
}

TEST(Net, PredictionNeedsNeitherLabelsNorWhatOnlyTheLossReads) {
  Net net("small");
  Value x = net.input("data", {4, 6});
  Value y = x.fc(3);
  Value auxiliary = x.fc(3);
  Value label = net.labels("label", 4);
  y.softmax_cross_entropy(label);
  y.accuracy(label);
  auxiliary.softmax_cross_entropy(label);
  const NetDef predict = net.predict_net();
  EXPECT_THAT(operators_of(predict),
              ElementsAre("FC data fc1_w fc1_b -> fc1", "Softmax fc1 -> softmax"));
  EXPECT_THAT(predict.external_input(), ElementsAre("data", "fc1_w", "fc1_b"));
  EXPECT_THAT(predict.external_output(), ElementsAre("softmax"));
}

TEST(Net, RolesAndShapesAreSaved) {
  Net net("small");
  Value label = net.labels("label", 4);
  net.input("data", {4, 3, 8, 8}).batch_norm().fc(10).softmax_cross_entropy(label);
  const NetRoles train = read_roles(net.forward_net());
  EXPECT_EQ(train.phase, "train");
  EXPECT_THAT(train.parameters, ElementsAre("bn1_s", "bn1_b", "fc1_w", "fc1_b"));
  EXPECT_THAT(train.statistics, ElementsAre("bn1_rm", "bn1_riv"));
  EXPECT_THAT(train.labels, ElementsAre("label"));
  EXPECT_EQ(train.batch_size, 4);
  const NetRoles predict = read_roles(net.predict_net());
  EXPECT_EQ(predict.phase, "predict");
  EXPECT_EQ(predict.prediction, "softmax");
  EXPECT_TRUE(predict.labels.empty());
  for (const NetDef& def : {net.forward_net(), net.predict_net()}) {
    const auto shapes = read_roles(def).external_shapes;
    ASSERT_EQ(static_cast<int>(shapes.size()), def.external_input_size());
    for (int i = 0; i < def.external_input_size(); ++i) {
      EXPECT_EQ(shapes[i].first, def.external_input(i));
    }
  }
  EXPECT_EQ(read_roles(net.init_net()).phase, "init");
}

TEST(Net, WhatItWritesPassesTheStrictCheck) {
  Net net("small");
  Value x = net.input("data", {4, 3, 16, 16});
  x = x.conv({.filters = 8, .kernel = {3, 5}, .stride = {2, 1}, .pad = {1, 2, 0, 1}, .groups = 1});
  x = concat({x.lrn({}), x.max_pool({.kernel = 3, .pad = 1})}).sigmoid();
  x = (x + x).average_pool({.kernel = 2, .stride = 2}).flatten().tanh();
  x.fc(10).softmax().cross_entropy(net.labels("label", 4));
  EXPECT_NO_THROW(graph::build_graph(net.forward_net(), {.strict = true}));
  EXPECT_NO_THROW(graph::build_graph(net.predict_net(), {.strict = true}));
  EXPECT_NO_THROW(graph::build_graph(net.init_net(), {.strict = true}));
}

TEST(Net, ScopesNestAndNumberingStartsAnewInEach) {
  Net net("small");
  Value x = net.input("data", {1, 4, 8, 8});
  {
    Scope outer = net.scope("left");
    x = x.relu();
    EXPECT_EQ(x.name(), "left/relu1");
    Scope inner = net.scope("deep");
    EXPECT_EQ(x.relu().name(), "left/deep/relu1");
    EXPECT_EQ(x.conv({.filters = 2, .name = "named"}).name(), "left/deep/named");
  }
  EXPECT_EQ(x.relu().name(), "relu1");
  EXPECT_EQ(x.relu().name(), "relu2");
  EXPECT_EQ(net.parameters()[0].name, "left/deep/named_w");
}

TEST(Net, ShapesAreKnownWhileBuilding) {
  Net net("small");
  Value x = net.input("data", {2, 3, 32, 32});
  EXPECT_EQ(x.conv({.filters = 8, .kernel = 5, .stride = 2, .pad = 2}).shape(),
            (Shape{2, 8, 16, 16}));
  EXPECT_EQ(x.global_average_pool().shape(), (Shape{2, 3, 1, 1}));
  EXPECT_EQ(x.flatten().shape(), (Shape{2, 3072}));
  EXPECT_EQ(x.reshape({0, -1, 4}).shape(), (Shape{2, 768, 4}));
  EXPECT_EQ(x.transpose({0, 2, 3, 1}).shape(), (Shape{2, 32, 32, 3}));
  EXPECT_EQ(concat({x, x}).shape(), (Shape{2, 6, 32, 32}));
  EXPECT_EQ(x.fc(7).shape(), (Shape{2, 7}));
}

TEST(Net, ConvolutionWeightsInGroups) {
  Net net("small");
  net.input("data", {2, 6, 8, 8}).conv({.filters = 9, .kernel = 3, .groups = 3, .bias = true});
  EXPECT_EQ(net.parameters()[0].shape, (Shape{9, 2, 3, 3}));
  EXPECT_EQ(net.parameters()[1].shape, (Shape{9}));
}

// Goyal et al., section 5.1: decay on everything but the scales and biases of normalisations.
TEST(Net, WhichParametersDecay) {
  Net net("small");
  net.input("data", {2, 3, 8, 8}).conv({.filters = 4, .bias = true}).batch_norm().fc(2);
  std::map<std::string, bool> decays;
  for (const Parameter& parameter : net.parameters()) decays[parameter.name] = parameter.decays;
  EXPECT_EQ(decays, (std::map<std::string, bool>{{"conv1_w", true},
                                                 {"conv1_b", true},
                                                 {"bn1_s", false},
                                                 {"bn1_b", false},
                                                 {"fc1_w", true},
                                                 {"fc1_b", true}}));
}

TEST(Net, AnyOperatorAndParametersOfOnesOwn) {
  Net net("small");
  Value x = net.input("data", {2, 3});
  Value bias = net.parameter("offset", {3}, constant(0.5f), {.decays = false});
  auto y = net.op("Add", {x, bias}, {.args = {{"broadcast", 1}}});
  EXPECT_EQ(y[0].name(), "add1");
  EXPECT_EQ(y[0].shape(), (Shape{2, 3}));
  net.predicts(y[0]);
  EXPECT_THAT(operators_of(net.predict_net()), ElementsAre("Add data offset -> add1"));
  EXPECT_THAT(operators_of(net.init_net()), ElementsAre("ConstantFill -> offset"));
}

/// The message of whatever Error the action throws.
template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(NetError, MistakesOfAuthors) {
  Net net("small");
  Value image = net.input("data", {2, 3, 8, 8});
  Value label = net.labels("label", 2);
  EXPECT_THAT(error_of([&] { image.conv({.kernel = 3}); }), HasSubstr("filters"));
  EXPECT_THAT(error_of([&] { image.conv({.filters = 4, .groups = 2}); }), HasSubstr("groups"));
  EXPECT_THAT(error_of([&] { image.conv({.filters = 4, .kernel = 9}); }), HasSubstr("2x3x8x8"));
  EXPECT_THAT(error_of([&] { image.fc(4).conv({.filters = 4}); }), HasSubstr("image"));
  EXPECT_THAT(error_of([&] { image + image.max_pool({.kernel = 2}); }), HasSubstr("2x3x7x7"));
  EXPECT_THAT(error_of([&] { image.dropout(1); }), HasSubstr("[0, 1)"));
  EXPECT_THAT(error_of([&] { image.fc(0); }), HasSubstr("output"));
  EXPECT_THAT(error_of([&] { image.relu().conv({.filters = 2, .name = "data"}); }),
              HasSubstr("'data'"));
  EXPECT_THAT(error_of([&] { net.input("data", {2, 3}); }), HasSubstr("data"));
  EXPECT_THAT(error_of([&] { net.input("empty", {}); }), HasSubstr("batch"));
  EXPECT_THAT(error_of([&] { net.predict_net(); }), HasSubstr("predicts()"));
  EXPECT_THAT(error_of([&] { net.op("Rellu", {image}); }), HasSubstr("'Relu'"));
  Net other("other");
  EXPECT_THAT(error_of([&] { image + other.input("data", {2, 3, 8, 8}); }), HasSubstr("other"));
  EXPECT_THAT(error_of([&] { image.fc(4).softmax_cross_entropy(other.labels("l", 2)); }),
              HasSubstr("other"));
  EXPECT_THAT(error_of([&] { image.fc(4).softmax_cross_entropy(image); }), HasSubstr("int32"));
  EXPECT_THROW(Net(std::string(60, 'n')), Error);
}

TEST(NetError, AFailedLayerLeavesTheNetUsable) {
  Net net("small");
  Value image = net.input("data", {2, 3, 8, 8});
  EXPECT_THROW(image.max_pool({.kernel = 30}), Error);
  net.predicts(image.relu());
  EXPECT_THAT(operators_of(net.predict_net()), ElementsAre("Relu data -> relu1"));
}

}  // namespace
}  // namespace headrace
