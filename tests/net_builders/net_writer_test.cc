#include "net_builders/net_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

using testing::HasSubstr;

template <typename F>
std::string error_of(F&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

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
  auto add = [&] { writer.add("Add", {"a", "b"}, {"c"}, {{"boardcast", 1}}); };
  EXPECT_THAT(error_of(add), testing::AllOf(HasSubstr("boardcast"), HasSubstr("broadcast")));
  EXPECT_EQ(writer.net().op_size(), 0) << "nothing is added on error";
}

TEST(NetWriter, MistakesAppearWhereTheyAreMade) {
  NetWriter writer = sample();
  writer.declare("wide", {DType::kFloat32, {2, 5}});
  EXPECT_THAT(error_of([&] { writer.add("Addd", {"a", "b"}, {"c"}); }), HasSubstr("'Add'"));
  EXPECT_THAT(error_of([&] { writer.add("Add", {"a", "x"}, {"c"}); }), HasSubstr("'x'"));
  EXPECT_THAT(error_of([&] { writer.add("Add", {"a"}, {"c"}); }), HasSubstr("Add"));
  EXPECT_THAT(error_of([&] {
                writer.add("Add", {"a", "wide"}, {"c"});
              }),
              testing::AllOf(HasSubstr("2x3"), HasSubstr("2x5")));
  EXPECT_THAT(error_of([&] { writer.declare("a", {DType::kInt32, {2, 3}}); }), HasSubstr("int32"));
  EXPECT_THAT(error_of([&] { writer.desc("nothing"); }), HasSubstr("nothing"));
}

TEST(NetWriter, NetNamesThatViewersDoNotAccept) {
  EXPECT_NO_THROW(NetWriter(std::string(63, 'n')));
  EXPECT_THROW(NetWriter(std::string(64, 'n')), Error);
  EXPECT_THROW(NetWriter(""), Error);
  EXPECT_THROW(NetWriter("a b"), Error);
}

}  // namespace
}  // namespace headrace
