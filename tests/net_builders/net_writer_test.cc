#include "net_builders/net_writer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

NetWriter sample() {
  NetWriter writer("sample");
  writer.declare("a", {DType::kFloat32, {2, 3}});
  writer.declare("b", {DType::kFloat32, {2, 3}});
  return writer;
}

TEST(NetWriter, InfersTypesAsItGoes) {
  NetWriter writer = sample();
  writer.add("Add", {"a", "b"}, {"c"});
  writer.add("Sum", {"c", "a"}, {"d"});
  EXPECT_EQ(writer.desc("d"), (TensorDesc{DType::kFloat32, {2, 3}}));
  EXPECT_EQ(writer.net().op_size(), 2);
  EXPECT_EQ(writer.net().external_input_size(), 2);
}

TEST(NetWriter, ACopyIsAnotherNet) {
  NetWriter writer = sample();
  NetWriter copy = writer;
  copy.add("Add", {"a", "b"}, {"c"});
  EXPECT_EQ(writer.net().op_size(), 0);
  EXPECT_FALSE(writer.knows("c"));
}

TEST(NetWriter, Names) {
  NetWriter writer = sample();
  EXPECT_EQ(writer.numbered("conv"), "conv1");
  EXPECT_EQ(writer.claim("conv2"), "conv2");
  EXPECT_EQ(writer.numbered("conv"), "conv3");
  EXPECT_EQ(writer.unique("loss"), "loss");
  EXPECT_EQ(writer.unique("loss"), "loss_2");
  EXPECT_EQ(writer.unique("a"), "a_2");
  EXPECT_THROW(writer.claim("a"), Error);
  EXPECT_THROW(writer.claim(""), Error);
}

TEST(NetWriter, UnknownArgumentsAreErrorsThatNameTheNearest) {
  NetWriter writer = sample();
  expect_error(ErrorCode::kInvalidNet, "'broadcast'", [&] {
    writer.add("Add", {"a", "b"}, {"c"}, {{"boardcast", 1}});
  });
  EXPECT_EQ(writer.net().op_size(), 0) << "nothing is added on error";
}

TEST(NetWriter, MistakesAppearWhereTheyAreMade) {
  NetWriter writer = sample();
  writer.declare("wide", {DType::kFloat32, {2, 5}});
  const ErrorCode invalid = ErrorCode::kInvalidNet;
  expect_error(invalid, "'Add'", [&] { writer.add("Addd", {"a", "b"}, {"c"}); });
  expect_error(invalid, "'x'", [&] { writer.add("Add", {"a", "x"}, {"c"}); });
  expect_error(invalid, "Add", [&] { writer.add("Add", {"a"}, {"c"}); });
  expect_error(ErrorCode::kShapeMismatch, "2x5", [&] { writer.add("Add", {"a", "wide"}, {"c"}); });
  expect_error(ErrorCode::kInvalidArgument, "int32", [&] {
    writer.declare("a", {DType::kInt32, {2, 3}});
  });
  expect_error(ErrorCode::kNotFound, "nothing", [&] { writer.desc("nothing"); });
}

TEST(NetWriter, NetNamesThatViewersDoNotAccept) {
  EXPECT_NO_THROW(NetWriter(std::string(63, 'n')));
  EXPECT_THROW(NetWriter(std::string(64, 'n')), Error);
  EXPECT_THROW(NetWriter(""), Error);
  EXPECT_THROW(NetWriter("a b"), Error);
}

}  // namespace
}  // namespace headrace
