// The layout pass on nets of real operators: it may move elements, never change a result.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/rng.h"
#include "graph/session.h"
#include "tests/graph/vec_ops.h"

namespace headrace {
namespace {

Tensor random_tensor(Shape shape, uint64_t key) {
  Tensor tensor(shape, DType::kFloat32);
  const Rng rng(7, key, 0);
  auto data = tensor.data<float>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = rng.uniform(i) - 0.5f;
  return tensor;
}

OperatorDef conv(const std::string& x, const std::string& w, const std::string& y) {
  OperatorDef def = vec_op("Conv", {x, w, "bias"}, {y});
  set_arg(def, "kernel", int64_t{3});
  set_arg(def, "pad", int64_t{1});
  return def;
}

/// Two convolutions with activations between them and a sum around the second.
NetDef residual_net(bool with_gradient) {
  NetDef net;
  net.set_name("residual");
  *net.add_op() = conv("x", "w1", "a");
  *net.add_op() = vec_op("Relu", {"a"}, {"a"});
  *net.add_op() = conv("a", "w2", "b");
  *net.add_op() = vec_op("Sum", {"a", "b"}, {"c"});
  *net.add_op() = vec_op("Relu", {"c"}, {"y"});
  if (with_gradient) {
    *net.add_op() = vec_op("ReluGradient", {"y", "dy"}, {"dc"});
    OperatorDef gradient = conv("a", "w2", "b");
    gradient.set_type("ConvGradient");
    gradient.set_input(2, "dc");
    gradient.clear_output();
    for (const char* name : {"dw2", "db", "da"}) gradient.add_output(name);
    *net.add_op() = gradient;
    for (const char* name : {"dw2", "db", "da"}) net.add_external_output(name);
    net.add_external_input("dy");
  }
  for (const char* name : {"x", "w1", "w2", "bias"}) net.add_external_input(name);
  net.add_external_output("y");
  return net;
}

void feed(Workspace& workspace) {
  workspace.feed("x", random_tensor({2, 4, 9, 7}, 1));
  workspace.feed("w1", random_tensor({4, 4, 3, 3}, 2));
  workspace.feed("w2", random_tensor({4, 4, 3, 3}, 3));
  workspace.feed("bias", random_tensor({4}, 4));
  workspace.feed("dy", random_tensor({2, 4, 9, 7}, 5));
}

int count(const Plan& plan, const std::string& type) {
  return static_cast<int>(std::ranges::count_if(
      plan.graph.ops, [&](const graph::Op& op) { return op.type() == type; }));
}

TEST(Layout, ChannelsLastChangesNoResult) {
  const NetDef net = residual_net(/*with_gradient=*/true);
  ThreadPool pool({.threads = 2});
  std::map<std::string, Tensor> results[2];
  for (bool channels_last : {false, true}) {
    Workspace workspace;
    feed(workspace);
    SessionOptions options;
    options.compile.threads = 2;
    options.compile.channels_last = channels_last;
    Session(net, workspace, pool, options).run();
    for (const char* name : {"y", "da", "dw2", "db"}) {
      results[channels_last][name] = workspace.fetch(name);
    }
  }
  for (const auto& [name, expected] : results[0]) {
    const auto want = expected.data<float>();
    const auto have = results[1].at(name).data<float>();
    ASSERT_EQ(expected.shape(), results[1].at(name).shape());
    for (size_t i = 0; i < want.size(); ++i) {
      ASSERT_NEAR(have[i], want[i], 2e-5) << name << " element " << i;
    }
  }
}

TEST(Layout, OneReorderAtTheEntrance) {
  Workspace workspace;
  feed(workspace);
  ThreadPool pool({.threads = 1});
  Session session(residual_net(false), workspace, pool);
  session.run();
  const Plan& plan = session.plan();
  EXPECT_EQ(count(plan, "Reorder"), 1) << plan.to_string();
  const graph::ValueId y = plan.interface.outputs.at("y");
  EXPECT_EQ(plan.descs[y].layout, Layout::kChannelsLast) << "outputs are put right when fetched";
}

TEST(Layout, WeightsThatNothingChangesAreRepackedOnce) {
  Workspace workspace;
  feed(workspace);
  ThreadPool pool({.threads = 1});
  Session session(residual_net(false), workspace, pool);
  session.run();
  const Tensor before = workspace.fetch("y");
  EXPECT_THAT(session.plan().to_string(), ::testing::HasSubstr("packs 'w1'"));
  session.run();
  EXPECT_EQ(workspace.fetch("y").data<float>()[0], before.data<float>()[0]);
  // A new version of the weights must be seen.
  Tensor zero(Shape{4, 4, 3, 3}, DType::kFloat32);
  std::ranges::fill(zero.data<float>(), 0.0f);
  workspace.feed("w1", zero);
  workspace.feed("w2", zero);
  session.run();
  const Tensor y = workspace.fetch("y");
  const Tensor bias = workspace.fetch("bias");
  for (int64_t i = 0; i < y.numel(); ++i) {
    const float b = bias.data<float>()[static_cast<size_t>(i / 63 % 4)];
    ASSERT_FLOAT_EQ(y.data<float>()[static_cast<size_t>(i)], std::max(0.0f, std::max(0.0f, b) + b));
  }
}

}  // namespace
}  // namespace headrace
