// What If and While share with the net around them: names, handles, threads, and its end.

#include <algorithm>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "graph/nested_node.h"
#include "graph/session.h"
#include "graph/unroll.h"
#include "tests/graph/nested_nets.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

const std::string kMutex =
    "op { type: 'CreateMutex' output: 'mutex' } op { type: 'ConstantFill' output: 'iter' "
    "arg { name: 'shape' ints: 1 } arg { name: 'dtype' i: 10 } } ";
const std::string kCount = "op { type: 'AtomicIter' input: 'mutex' input: 'iter' output: 'iter' } ";
const std::string kWorld =
    "op { type: 'CreateCommonWorld' output: 'world' arg { name: 'size' i: 1 } "
    "arg { name: 'rank' i: 0 } } ";

std::string unary(const std::string& type, const std::string& in, const std::string& out) {
  return "op { type: '" + type + "' input: '" + in + "' output: '" + out + "' }\n";
}

std::string sum_over_ranks(const std::string& name) {
  return binary("Allreduce", "world", name, name);
}

class NestedScope : public ::testing::Test {
 protected:
  NestedScope() {
    feed("x", 2);
    workspace.feed("c", Tensor::from<bool>({1}, {true}));
  }
  void init(const std::string& net) { run_once(parse(net), workspace, pool); }
  void run(const std::string& net) { Session(parse(net), workspace, pool, options).run(); }
  void feed(const std::string& name, float value) {
    workspace.feed(name, Tensor::from<float>({1}, {value}));
  }
  float value(const std::string& name) const { return workspace.fetch(name).item<float>(); }

  ThreadPool pool{{.threads = 2}};
  Workspace workspace;
  SessionOptions options{.compile = {.threads = 2}};
};

TEST_F(NestedScope, AnyNumberOfNodesWaitsForNodesInsideThem) {
  constexpr int kMany = 20;  // more than the blocking service has threads
  std::string net;
  for (int i = 0; i < kMany; ++i) {
    const std::string inner = nested("then_net", scale("x", "y" + std::to_string(i), 3));
    net += control("If", "c", nested("then_net", control("If", "c", inner)));
    net += "external_output: 'y" + std::to_string(i) + "' ";
  }
  run(net);
  for (int i = 0; i < kMany; ++i) EXPECT_EQ(value("y" + std::to_string(i)), 6);
}

TEST_F(NestedScope, NodesNestDeeply) {
  std::string net = scale("x", "y", 3);
  for (int i = 0; i < 18; ++i) net = control("If", "c", nested("then_net", net));
  run(net + "external_output: 'y'");
  EXPECT_EQ(value("y"), 6);
}

TEST_F(NestedScope, ANodeInsideWritesWhatComesFromFurtherAround) {
  workspace.feed("never", Tensor::from<bool>({1}, {false}));
  const auto inside = [](const std::string& condition, const std::string& net) {
    return control("If", condition, nested("then_net", net));
  };
  // k is read and written two nets further in, and l might be.
  run(fill("k", 1) + fill("l", 5) + inside("c", inside("c", scale("k", "k", 3))) +
      inside("c", inside("never", fill("l", 7)) + scale("l", "y", 2)) +
      binary("Add", "k", "y", "z") +
      "external_input: 'c' external_input: 'never' external_output: 'z'");
  EXPECT_EQ(value("z"), 3 + 10);
}

TEST_F(NestedScope, AnUndeclaredBlobIsWrittenWhereItIsRead) {
  run(control("If", "c", nested("then_net", scale("x", "x", 3))));
  EXPECT_EQ(value("x"), 6);
}

TEST_F(NestedScope, SumsFromABucketKeepTheirNames) {
  init(kWorld);
  const std::string net =
      scale("x", "a", 3) + scale("x", "b", 5) + sum_over_ranks("a") + sum_over_ranks("b") +
      control("If", "c", nested("then_net", scale("b", "y", 10))) + binary("Add", "a", "b", "z") +
      "external_output: 'y' external_output: 'z'";
  Session session(parse(net), workspace, pool, options);
  const auto& ops = session.plan().graph.ops;
  ASSERT_TRUE(std::ranges::any_of(ops, [](const graph::Op& op) {
    return op.type() == "AllreduceBucket";
  })) << session.plan().to_string();
  session.run();
  EXPECT_EQ(value("y"), 100);
  EXPECT_EQ(value("z"), 16);
}

TEST_F(NestedScope, EachStepOfAnUnrolledNetHasItsOwnOperands) {
  constexpr int kSteps = 3;
  options.compile.unroll = {.steps = kSteps, .fed = {"x"}};
  options.compile.readable.names = {"y"};
  for (int step = 0; step < kSteps; ++step) {
    feed(graph::step_name("x", step, kSteps), static_cast<float>(step + 1));
  }
  feed("sum", 0);
  run(control("If", "c",
              nested("then_net", scale("x", "y", 10) + binary("Add", "sum", "x", "sum"))) +
      "external_input: 'c' external_input: 'x' external_input: 'sum' external_output: 'y'");
  for (int step = 0; step < kSteps; ++step) {
    EXPECT_EQ(value(graph::step_name("y", step, kSteps)), static_cast<float>(10 * (step + 1)));
  }
  EXPECT_EQ(value("sum"), 1 + 2 + 3);
}

TEST_F(NestedScope, HandlesComeFromAround) {
  init(kMutex + kWorld);
  const std::string inner = nested("then_net", kCount + sum_over_ranks("x"));
  const NetDef net =
      parse(control("If", "c", nested("then_net", control("If", "c", inner))) + kCount +
            "external_input: 'c' external_input: 'x' external_input: 'mutex' "
            "external_input: 'iter' external_input: 'world' external_output: 'iter'");
  Session session(net, workspace, pool, options);
  session.run();
  session.run();
  EXPECT_EQ(workspace.fetch("iter").item<int64_t>(), 4);
  EXPECT_EQ(value("x"), 2);
}

TEST_F(NestedScope, ARoundOfAnInitNetDoesNotChangeTheArgumentsOfTheNext) {
  constexpr int64_t kElements = 20000;  // of which a net that runs once makes no copy
  std::string given = "op { type: 'GivenTensorFill' output: 'w' arg { name: 'shape' ints: " +
                      std::to_string(kElements) + " } arg { name: 'values' ";
  for (int64_t i = 0; i < kElements; ++i) given += "floats: 1 ";
  given += "} }\n";
  init(fill("n", 3) + fill("one", 1) + fill("sum", 0) + given + truth("n", "more") +
       control("While", "more",
               nested("cond_net", truth("n", "more") + scale("w", "w", 2)) +
                   nested("loop_net",
                          given + binary("Sub", "n", "one", "n") +
                              "op { type: 'ReduceMean' input: 'w' output: 'mean' "
                              "arg { name: 'axes' ints: 0 } arg { name: 'keepdims' i: 1 } } " +
                              binary("Add", "sum", "mean", "sum"))));
  EXPECT_EQ(value("sum"), 3);
}

TEST_F(NestedScope, AnOperatorThatFailsEndsLoopsBesideIt) {
  feed("x", std::numeric_limits<float>::infinity());
  const std::string loop =
      control("While", "c", nested("loop_net", scale("k", "k", 1)));  // without end
  feed("k", 1);
  // What takes a moment and then fails, before, while or after the loop begins. (No product of
  // matrices: ThreadSanitizer does not see how oneDNN waits for its threads.)
  for (const int64_t size : {1, 1, 1, 16, 128, 256, 512}) {
    Tensor a({size, size}, DType::kFloat32);
    std::ranges::fill(a.data<float>(), 0.0f);
    workspace.feed("a", a);
    for (const std::string& node :
         {loop, control("If", "c", nested("then_net", loop)),
          control("If", "c", nested("then_net", control("If", "c", nested("then_net", loop))))}) {
      const std::string net = node + unary("Exp", "a", "product") +
                              "op { type: 'EnforceFinite' input: 'x' control_input: 'product' }"
                              "external_input: 'a' external_input: 'c' external_input: 'k' "
                              "external_input: 'x' external_output: 'product'";
      expect_error(ErrorCode::kNumeric, [&] { run(net); });
      workspace.clear_torn();
    }
  }
}

TEST_F(NestedScope, ALossThatIsNotFiniteIsFoundWhereItBegan) {
  options.compile.finite = {"loss"};
  feed("x", 1000);
  const std::string net = control("If", "c", nested("then_net", unary("Exp", "x", "y"))) +
                          scale("y", "loss", 1) + "external_output: 'loss'";
  expect_error(ErrorCode::kNumeric, "it began in If", [&] { run(net); });
}

}  // namespace
}  // namespace headrace
