#include "graph/gradient.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/graph/gradient_test_ops.h"
#include "tests/support/expect_error.h"
#include "tests/support/net_text.h"

namespace headrace::graph {
namespace {

using gradient_test::parse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string error_of(NetDef net, const GradientOptions& options,
                     ErrorCode code = ErrorCode::kInvalidNet) {
  return headrace::testing::expect_error(code, [&] { add_gradients(net, {{"loss"}}, options); });
}

TEST(Gradient, WalksBackwardsFromTheLoss) {
  NetDef net = parse("TestMul x w -> y\nTestExp y -> loss\nTestRound y -> rounded");
  auto gradients = add_gradients(net, {{"loss"}}, {{"w"}});
  EXPECT_THAT(gradients, ElementsAre(Pair("w", "w_grad")));
  EXPECT_THAT(operators_of(net, 3), ElementsAre("ConstantFill loss -> loss_autogen_grad",
                                                "TestMul loss_autogen_grad loss -> y_grad",
                                                "TestMul y_grad x -> w_grad"));
  for (int i = 3; i < net.op_size(); ++i) EXPECT_TRUE(net.op(i).is_gradient_op());
}

TEST(Gradient, WithoutNamesAllExternalInputsHaveOne) {
  NetDef net = parse("TestMul x w -> y\nTestExp y -> loss\nTestRound unrelated -> r");
  auto gradients = add_gradients(net, {{"loss"}});
  EXPECT_THAT(gradients, ElementsAre(Pair("w", "w_grad"), Pair("x", "x_grad")));
}

// The order and names are those of Caffe2's core.py, as seen in nets that it wrote.
TEST(Gradient, FanInIsSummedAsSoonAsTheLastPartExists) {
  NetDef net = parse(R"(
    TestExp x -> h
    TestTwice h -> a
    TestTwice h -> b
    TestTwice h -> c
    TestAdd a b -> s
    TestAdd s c -> loss)");
  add_gradients(net, {{"loss"}}, {{"x"}});
  auto gradient = operators_of(net, 6);
  EXPECT_THAT(gradient,
              ElementsAre("ConstantFill loss -> loss_autogen_grad",
                          "Copy loss_autogen_grad -> twice_scratch",
                          "TestAdd loss_autogen_grad twice_scratch -> h_grad",
                          "Copy loss_autogen_grad -> twice_scratch_1",
                          "TestAdd loss_autogen_grad twice_scratch_1 -> _h_grad_autosplit_0",
                          "Copy loss_autogen_grad -> twice_scratch_2",
                          "TestAdd loss_autogen_grad twice_scratch_2 -> _h_grad_autosplit_1",
                          "Sum h_grad _h_grad_autosplit_0 _h_grad_autosplit_1 -> h_grad",
                          "TestMul h_grad h -> x_grad"));
}

TEST(Gradient, AHandedOnPartComesAfterTheOwnOne) {
  NetDef net = parse("TestExp x -> h\nTestExp h -> e\nTestAdd h e -> loss");
  add_gradients(net, {{"loss"}}, {{"x"}});
  EXPECT_THAT(operators_of(net, 4),
              ElementsAre("TestMul loss_autogen_grad e -> h_grad",
                          "Sum h_grad loss_autogen_grad -> h_grad", "TestMul h_grad h -> x_grad"));
}

TEST(Gradient, ABlobReadTwiceByOneOperator) {
  NetDef net = parse("TestMul x x -> loss");
  add_gradients(net, {{"loss"}}, {{"x"}});
  EXPECT_THAT(operators_of(net, 2),
              ElementsAre("TestMul loss_autogen_grad x -> x_grad",
                          "TestMul loss_autogen_grad x -> _x_grad_autosplit_0",
                          "Sum x_grad _x_grad_autosplit_0 -> x_grad"));
}

TEST(Gradient, InPlaceOperatorsHaveInPlaceGradientsWhereAllowed) {
  NetDef net = parse("TestTwice x -> h\nTestExp h -> h\nTestExp h -> loss");
  add_gradients(net, {{"loss"}}, {{"x"}});
  EXPECT_THAT(
      operators_of(net, 4),
      ElementsAre("TestMul loss_autogen_grad loss -> h_grad", "TestMul h_grad h -> h_grad",
                  "Copy h_grad -> twice_scratch", "TestAdd h_grad twice_scratch -> x_grad"));
}

TEST(Gradient, AnInPlaceGradientThatIsNotAllowedGetsAnotherName) {
  NetDef net = parse("TestExp x -> h\nTestTwice h -> h\nTestTwice h -> loss");
  // TestExp's output is overwritten, so only x's own gradient path through TestTwice remains.
  EXPECT_THAT(error_of(net, {{"x"}}), HasSubstr("which operator TestTwice (#1) overwrites"));
  net = parse("TestTwice h -> h\nTestTwice h -> loss");
  auto gradients = add_gradients(net, {{"loss"}}, {{"h"}});
  EXPECT_THAT(gradients, ElementsAre(Pair("h", "h_grad_1")));
}

TEST(Gradient, AGradientStillNeededElsewhereIsNotOverwritten) {
  // q receives the gradient of the second s; the first s must not write its own over it.
  NetDef net = parse(R"(
    TestExp q0 -> q
    TestExp s -> s
    TestAdd s q -> s
    TestTwice s -> loss)");
  NetDef legal = parse(R"(
    TestExp q0 -> q
    TestTwice s -> s
    TestAdd s q -> s
    TestTwice s -> loss)");
  EXPECT_THAT(error_of(net, {{"s"}}), HasSubstr("overwrites"));
  auto gradients = add_gradients(legal, {{"loss"}}, {{"q0", "s"}});
  std::map<std::string, gradient_test::Dual> blobs{{"q0", {0.0}}, {"s", {1.0}}};
  evaluate(legal, blobs);
  EXPECT_EQ(blobs.at(gradients.at("q0")).value, 2.0);  // d(2 (2s + exp(q0)))
  EXPECT_EQ(blobs.at(gradients.at("s")).value, 4.0);
}

TEST(Gradient, SeveralLossesAddUp) {
  NetDef net = parse("TestExp x -> a\nTestTwice x -> b");
  add_gradients(net, {{"a"}, {"b"}}, {{"x"}});
  EXPECT_THAT(operators_of(net, 2),
              ElementsAre("ConstantFill a -> a_autogen_grad", "ConstantFill b -> b_autogen_grad",
                          "Copy b_autogen_grad -> twice_scratch",
                          "TestAdd b_autogen_grad twice_scratch -> x_grad",
                          "TestMul a_autogen_grad a -> _x_grad_autosplit_0",
                          "Sum x_grad _x_grad_autosplit_0 -> x_grad"));
}

TEST(Gradient, ALossThatAnotherLossIsMadeOf) {
  NetDef net = parse("TestExp x -> a\nTestTwice a -> b");
  add_gradients(net, {{"a"}, {"b"}}, {{"x"}});
  std::map<std::string, gradient_test::Dual> blobs{{"x", {0.5}}};
  evaluate(net, blobs);
  EXPECT_DOUBLE_EQ(blobs.at("x_grad").value, 3 * std::exp(0.5));
}

TEST(Gradient, TheGradientOfARootCanBeGiven) {
  NetDef net = parse("TestExp x -> y");
  add_gradients(net, {{"y", "dy"}}, {{"x"}});
  EXPECT_THAT(operators_of(net, 1), ElementsAre("TestMul dy y -> x_grad"));
}

TEST(Gradient, OnlyWhatLeadsToTheBlobsAskedFor) {
  NetDef net = parse("TestRound data -> r\nTestMul r w -> y\nTestMul y v -> loss");
  add_gradients(net, {{"loss"}}, {{"v"}});
  EXPECT_THAT(operators_of(net, 4), ElementsAre("TestMul loss_autogen_grad y -> v_grad"));
}

TEST(Gradient, GradientOfAnInnerBlobSurvives) {
  NetDef net = parse("TestTwice x -> h\nTestExp h -> loss");
  auto gradients = add_gradients(net, {{"loss"}}, {{"h", "x"}});
  std::map<std::string, gradient_test::Dual> blobs{{"x", {0.25}}};
  evaluate(net, blobs);
  EXPECT_DOUBLE_EQ(blobs.at(gradients.at("h")).value, std::exp(0.5));
  EXPECT_DOUBLE_EQ(blobs.at(gradients.at("x")).value, 2 * std::exp(0.5));
}

TEST(Gradient, BlobsAskedForNeverShareAGradient) {
  NetDef net = parse("TestAdd a b -> loss");
  auto gradients = add_gradients(net, {{"loss"}}, {{"a", "b"}});
  EXPECT_THAT(gradients, ElementsAre(Pair("a", "a_grad"), Pair("b", "b_grad")));
  EXPECT_THAT(operators_of(net, 2),
              ElementsAre("Copy loss_autogen_grad -> a_grad", "Copy loss_autogen_grad -> b_grad"));
}

TEST(Gradient, DoesNotTouchForwardBlobsThatAreCalledLikeGradients) {
  NetDef net = parse("TestExp y_grad -> y\nTestExp y -> loss");
  auto gradients = add_gradients(net, {{"loss"}}, {{"y_grad"}});
  EXPECT_THAT(gradients, ElementsAre(Pair("y_grad", "y_grad_grad")));
  EXPECT_THAT(operators_of(net, 3), ElementsAre("TestMul loss_autogen_grad loss -> y_grad_1",
                                                "TestMul y_grad_1 y -> y_grad_grad"));
}

TEST(Gradient, ASecondCallKeepsWhatTheFirstOneMade) {
  NetDef net = parse("TestExp x -> a\nTestTwice x -> b");
  auto first = add_gradients(net, {{"a"}}, {{"x"}});
  auto second = add_gradients(net, {{"b"}}, {{"x"}});
  std::map<std::string, gradient_test::Dual> blobs{{"x", {0.5}}};
  evaluate(net, blobs);
  EXPECT_DOUBLE_EQ(blobs.at(first.at("x")).value, std::exp(0.5));
  EXPECT_DOUBLE_EQ(blobs.at(second.at("x")).value, 2);
}

TEST(Gradient, StoppedBranchesGiveNothing) {
  NetDef net = parse("TestStop x -> s\nTestMul s x -> loss");
  add_gradients(net, {{"loss"}}, {{"x"}});
  EXPECT_THAT(operators_of(net, 3), ElementsAre("TestMul loss_autogen_grad s -> x_grad"));
}

TEST(Gradient, KeepsTheDeviceOfTheForwardOperator) {
  NetDef net = parse("TestTwice x -> a\nTestExp x -> b\nTestAdd a b -> loss");
  for (OperatorDef& op : *net.mutable_op()) op.mutable_device_option()->set_device_id(3);
  add_gradients(net, {{"loss"}}, {{"x"}});
  for (const OperatorDef& op : net.op()) EXPECT_EQ(op.device_option().device_id(), 3) << op.type();
}

TEST(GradientError, OperatorWithoutGradientNamesThePath) {
  std::string text =
      error_of(parse("TestMul x w -> y\nTestRound y -> r\nTestExp r -> loss"), {{"w"}});
  EXPECT_THAT(text, HasSubstr("TestRound (#1) on the way w -> TestMul -> y -> TestRound -> r -> "
                              "TestExp -> loss"));
}

TEST(GradientError, AllOperatorsWithoutGradientAreListed) {
  std::string text =
      error_of(parse("TestRound x -> a\nTestRound x -> b\nTestAdd a b -> loss"), {{"x"}});
  EXPECT_THAT(text, ::testing::AllOf(HasSubstr("(#0)"), HasSubstr("(#1)")));
}

TEST(GradientError, UnconnectedBlob) {
  NetDef net = parse("TestExp x -> loss\nTestExp z -> other");
  EXPECT_THAT(error_of(net, {{"z"}}), HasSubstr("nothing that is computed from it enters 'loss'"));
}

TEST(GradientError, StoppedBlobNamesTheStop) {
  NetDef net = parse("TestExp w -> y\nTestStop y -> s\nTestExp s -> loss");
  EXPECT_THAT(error_of(net, {{"w"}}), HasSubstr("TestStop (#1) stops it on the way w -> TestExp"));
}

TEST(GradientError, UnknownBlobs) {
  NetDef net = parse("TestExp weight -> loss");
  EXPECT_THAT(error_of(net, {{"wieght"}}, ErrorCode::kNotFound),
              HasSubstr("did you mean 'weight'"));
  EXPECT_THROW(add_gradients(net, {{"los"}}), Error);
  EXPECT_THROW(add_gradients(net, {}), Error);
}

TEST(GradientError, NamesWhoOverwroteAForwardValue) {
  NetDef net = parse("TestMul x w -> y\nTestTwice x -> x\nTestAdd x y -> loss");
  EXPECT_THAT(error_of(net, {{"w"}}),
              ::testing::AllOf(HasSubstr("the gradient of TestMul needs its input 0 'x'"),
                               HasSubstr("TestTwice (#1) overwrites")));
  // The gradient of x alone does not need x.
  EXPECT_NO_THROW(add_gradients(net, {{"loss"}}, {{"x"}}));
}

TEST(GradientError, UnknownOperatorOnThePath) {
  EXPECT_THAT(error_of(parse("TestExpp x -> loss"), {{"x"}}, ErrorCode::kNotFound),
              HasSubstr("did you mean 'TestExp'"));
}

}  // namespace
}  // namespace headrace::graph
