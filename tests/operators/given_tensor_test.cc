// Who owns the arrays of an init net.
#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "graph/session.h"

namespace headrace {
namespace {

constexpr int kLarge = 100'000;

NetDef init_net(int count) {
  NetDef net;
  net.set_name("init");
  OperatorDef& op = *net.add_op();
  op.set_type("GivenTensorFill");
  op.add_output("w");
  Argument& shape = *op.add_arg();
  shape.set_name("shape");
  shape.add_ints(count);
  Argument& values = *op.add_arg();
  values.set_name("values");
  for (int i = 0; i < count; ++i) values.add_floats(static_cast<float>(i));
  return net;
}

void expect_given(const Tensor& tensor, int count) {
  ASSERT_EQ(tensor.numel(), count);
  for (int i = 0; i < count; ++i) ASSERT_EQ(tensor.data<float>()[i], static_cast<float>(i));
}

TEST(GivenTensor, LargeOnesOfANetThatIsMovedInAreNotCopied) {
  NetDef net = init_net(kLarge);
  const void* elements = net.op(0).arg(1).floats().data();
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  run_once(std::move(net), workspace, pool);
  EXPECT_EQ(workspace.slot("w").blob.tensor().raw(), elements);
  expect_given(workspace.fetch("w"), kLarge);
}

TEST(GivenTensor, ANetThatIsKeptKeepsItsValues) {
  for (const int count : {3, kLarge}) {
    const NetDef net = init_net(count);
    Workspace workspace;
    ThreadPool pool({.threads = 1});
    run_once(net, workspace, pool);
    workspace.slot("w").blob.tensor().data<float>()[0] = -1;
    EXPECT_EQ(net.op(0).arg(1).floats(0), 0.0f);
    run_once(net, workspace, pool);
    expect_given(workspace.fetch("w"), count);
  }
}

TEST(GivenTensor, ASessionGivesTheSameEveryTime) {
  for (const int count : {3, kLarge}) {
    Workspace workspace;
    ThreadPool pool({.threads = 1});
    Session session(init_net(count), workspace, pool);
    session.run();
    workspace.slot("w").blob.tensor().data<float>()[0] = -1;
    session.run();
    expect_given(workspace.fetch("w"), count);
  }
}

TEST(GivenTensor, TwoBlobsThatAreChangedInPlaceDoNotMeet) {
  NetDef net = init_net(kLarge);
  OperatorDef& copy = *net.add_op();
  copy.set_type("Copy");
  copy.add_input("w");
  copy.add_output("v");
  OperatorDef& relu = *net.add_op();
  relu.set_type("Negative");
  relu.add_input("v");
  relu.add_output("v");
  Workspace workspace;
  ThreadPool pool({.threads = 2});
  run_once(std::move(net), workspace, pool);
  expect_given(workspace.fetch("w"), kLarge);
  EXPECT_EQ(workspace.fetch("v").data<float>()[5], -5.0f);
}

}  // namespace
}  // namespace headrace
