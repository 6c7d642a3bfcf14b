#include "core/net_roles.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

NetRoles sample() {
  return {.phase = "train",
          .external_shapes = {{"data", {DType::kFloat32, {32, 3, 224, 224}}},
                              {"a name with blanks", {DType::kInt64, {}}}},
          .data = {"data"},
          .labels = {"label"},
          .losses = {"loss", "auxiliary"},
          .prediction = "softmax",
          .parameters = {"w", "b"},
          .gradients = {"w_grad", "b_grad"},
          .learning_rate = "learning_rate",
          .iteration = "iteration",
          .batch_size = 256,
          .epoch_size = 1281167,
          .reference_rate = 0.1f,
          .reference_batch = 256};
}

TEST(NetRoles, ReadsWhatItWrote) {
  NetDef net;
  write_roles(sample(), net);
  EXPECT_EQ(read_roles(net), sample());
  for (const Argument& arg : net.arg()) EXPECT_NE(arg.name(), "accuracies") << "empty, yet written";
}

TEST(NetRoles, WritingReplacesOnlyItsOwnArguments) {
  NetDef net;
  net.add_arg()->set_name("enable_tracing");
  write_roles(sample(), net);
  write_roles({.phase = "predict"}, net);
  ASSERT_EQ(net.arg_size(), 2);
  EXPECT_EQ(net.arg(0).name(), "enable_tracing");
  EXPECT_EQ(net.arg(1).s(), "predict");
}

TEST(NetRoles, NetsOfOthersHaveNone) { EXPECT_EQ(read_roles(NetDef()), NetRoles()); }

TEST(NetRoles, OtherFormsAreRefused) {
  NetDef net;
  Argument* arg = net.add_arg();
  arg->set_name("parameters");
  arg->set_i(3);
  EXPECT_THROW(read_roles(net), Error);
  arg->Clear();
  arg->set_name("external_shapes");
  for (const char* text : {"float32 data", "float32 3x data", "float33 3 data", "float32 3 "}) {
    arg->clear_strings();
    arg->add_strings(text);
    EXPECT_THROW(read_roles(net), Error) << text;
  }
}

}  // namespace
}  // namespace headrace
