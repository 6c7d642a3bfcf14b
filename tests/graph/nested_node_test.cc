// If and While as a run executes them. What they mean was taken from the real Caffe2 (1.8.1), which
// gives the same values for the nets of these tests.

#include "graph/nested_node.h"

#include <thread>

#include <gtest/gtest.h>

#include "core/proto/net.pb.h"
#include "graph/gradient.h"
#include "graph/session.h"
#include "tests/graph/nested_nets.h"
#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

/// s = n + (n - 1) + ... + 1
const std::string kSum =
    truth("n", "c") +
    control("While", "c",
            nested("loop_net", binary("Add", "s", "n", "s") + binary("Sub", "n", "one", "n") +
                                   truth("n", "c")));

struct Mode {
  int threads;
  bool serial;
};

class NestedNodeTest : public ::testing::TestWithParam<Mode> {
 protected:
  SessionOptions options() const {
    SessionOptions options;
    options.compile.threads = GetParam().threads;
    options.compile.serial = GetParam().serial;
    return options;
  }
  void feed(const std::string& name, float value) {
    workspace.feed(name, Tensor::from<float>({1}, {value}));
  }
  float value(const std::string& name) const { return workspace.fetch(name).item<float>(); }

  ThreadPool pool{{.threads = GetParam().threads}};
  Workspace workspace;
};

INSTANTIATE_TEST_SUITE_P(Modes, NestedNodeTest,
                         ::testing::Values(Mode{1, false}, Mode{2, false}, Mode{2, true}));

TEST_P(NestedNodeTest, WhileGoesOnAsLongAsItsConditionHolds) {
  const NetDef net = parse(fill("s", 0) + fill("one", 1) + scale("x", "n", 1) + kSum +
                           binary("Add", "s", "x", "y") +
                           "external_input: 'x' external_output: 'y' external_output: 'n'");
  Session session(net, workspace, pool, options());
  for (const float x : {5.0f, 0.0f, 3.0f}) {
    feed("x", x);
    session.run();
    EXPECT_EQ(value("y"), x * (x + 1) / 2 + x) << x;
    EXPECT_EQ(value("n"), 0);
  }
}

TEST_P(NestedNodeTest, TheConditionNetRunsBeforeEachRound) {
  const NetDef net =
      parse(control("While", "c",
                    nested("cond_net", truth("n", "c")) +
                        nested("loop_net", scale("t", "t", 2) + binary("Sub", "n", "one", "n"))) +
            scale("t", "y", 1) +
            "external_input: 'c' external_input: 'n' external_input: 't' "
            "external_input: 'one' external_output: 'y'");
  workspace.feed("c", Tensor::from<bool>({1}, {false}));  // is made anew before it is looked at
  feed("n", 4);
  feed("t", 1);
  feed("one", 1);
  Session session(net, workspace, pool, options());
  session.run();
  EXPECT_EQ(value("y"), 16);
  EXPECT_EQ(value("n"), 0) << "what a nested net writes to an input of the net stays there";
  session.run();
  EXPECT_EQ(value("y"), 16) << "n is 0 now";
}

TEST_P(NestedNodeTest, IfRunsOneOfItsNets) {
  const NetDef net =
      parse(truth("x", "c") + fill("k", 1) +
            control("If", "c",
                    nested("then_net", scale("k", "k", 3)) + nested("else_net", fill("other", 7))) +
            scale("k", "y", 10) + "external_input: 'x' external_output: 'y'");
  Session session(net, workspace, pool, options());
  for (int round = 0; round < 2; ++round) {
    feed("x", 1);
    session.run();
    EXPECT_EQ(value("y"), 30);
    feed("x", 0);
    session.run();
    EXPECT_EQ(value("y"), 10) << "k keeps its value where its net does not run";
  }
}

TEST_P(NestedNodeTest, AReaderBeforeSeesTheValueBefore) {
  const NetDef net =
      parse(truth("x", "c") + fill("k", 1) + scale("k", "before", 1) +
            control("If", "c", nested("then_net", scale("k", "k", 3))) + scale("k", "after", 1) +
            "external_input: 'x' external_output: 'before' external_output: 'after'");
  feed("x", 1);
  Session(net, workspace, pool, options()).run();
  EXPECT_EQ(value("before"), 1);
  EXPECT_EQ(value("after"), 3);
}

TEST_P(NestedNodeTest, NestsInEachOther) {
  // The sum of 1 ... x, only if x is not 0, else -1.
  const NetDef net =
      parse(fill("s", -1) + fill("one", 1) + scale("x", "n", 1) + truth("x", "some") +
            control("If", "some", nested("then_net", fill("s", 0) + kSum)) + scale("s", "y", 1) +
            "external_input: 'x' external_output: 'y'");
  Session session(net, workspace, pool, options());
  feed("x", 4);
  session.run();
  EXPECT_EQ(value("y"), 10);
  feed("x", 0);
  session.run();
  EXPECT_EQ(value("y"), -1);
}

TEST_P(NestedNodeTest, RunsOfOnePlanGoOnSideBySide) {
  const NetDef net = parse(fill("s", 0) + fill("one", 1) + scale("x", "n", 1) + kSum +
                           scale("s", "y", 1) + "external_input: 'x' external_output: 'y'");
  feed("x", 1);
  const auto plan = compile(net, {{"x", {DType::kFloat32, {1}}}}, options().compile);
  std::vector<std::thread> threads;
  for (const float x : {10.0f, 20.0f, 30.0f}) {
    threads.emplace_back([&, x] {
      headrace::Run run(plan, workspace, pool, {.publish = false});
      run.set_input("x", Tensor::from<float>({1}, {x}));
      for (int i = 0; i < 5; ++i) {
        run.execute();
        EXPECT_EQ(run.output("y").item<float>(), x * (x + 1) / 2);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(NestedNodeTest, EachRoundDrawsItsOwnNumbers) {
  const std::string draw =
      "op { type: 'UniformFill' output: 'r' arg { name: 'shape' ints: 1 } } "
      "op { type: 'Copy' input: 'last' output: 'first' } op { type: 'Copy' input: 'r' output: "
      "'last' } ";
  const NetDef net = parse(
      fill("first", 0) + fill("last", 0) + fill("n", 2) + fill("one", 1) + truth("n", "c") +
      control("While", "c",
              nested("loop_net", draw + binary("Sub", "n", "one", "n") + truth("n", "c"))) +
      scale("first", "a", 1) + scale("last", "b", 1) + "external_output: 'a' external_output: 'b'");
  Session session(net, workspace, pool, options());
  session.run();
  const float a = value("a");
  EXPECT_NE(a, value("b"));
  session.run();
  EXPECT_EQ(value("a"), a) << "the same step draws the same numbers";
}

TEST_P(NestedNodeTest, ABlobThatNoNetHasMadeIsAnError) {
  const NetDef net = parse(truth("x", "c") + "op { type: 'If' input: 'c' output: 'k' " +
                           nested("then_net", fill("k", 3)) + "}" + scale("k", "y", 1) +
                           "external_input: 'x' external_output: 'y'");
  Session session(net, workspace, pool, options());
  feed("x", 1);
  session.run();
  EXPECT_EQ(value("y"), 3);
  feed("x", 0);
  expect_error(ErrorCode::kNotFound, "'k'", [&] { session.run(); });
}

TEST_P(NestedNodeTest, WhatIsReadBehindANestedNetComesOutOfIt) {
  // y is named by no If: only the net inside writes it, and it is an output of the net around.
  const NetDef net =
      parse(truth("x", "c") + control("If", "c", nested("then_net", scale("x", "y", 3))) +
            "external_input: 'x' external_output: 'y'");
  Session session(net, workspace, pool, options());
  feed("x", 2);
  session.run();
  EXPECT_EQ(value("y"), 6);
  feed("x", 0);
  session.run();
  expect_error(ErrorCode::kNotFound, [&] { value("y"); });
}

TEST_P(NestedNodeTest, ImagesKeepTheirNamesInWhateverOrderTheyAreStored) {
  // The pool stores its image channels-last; the nested net reads it in logical order.
  const NetDef net = parse(
      "op { type: 'MaxPool' input: 'x' output: 'p' arg { name: 'kernel' i: 2 } "
      "arg { name: 'stride' i: 2 } } " +
      control("If", "c", nested("then_net", scale("p", "y", 10))) +
      "external_input: 'x' external_input: 'c' external_output: 'y'");
  Tensor image({1, 2, 2, 2}, DType::kFloat32);
  for (int i = 0; i < 8; ++i) image.data<float>()[i] = static_cast<float>(i);
  workspace.feed("x", image);
  workspace.feed("c", Tensor::from<bool>({1}, {true}));
  Session(net, workspace, pool, options()).run();
  const Tensor y = workspace.fetch("y");
  EXPECT_EQ(y.data<float>()[0], 30);
  EXPECT_EQ(y.data<float>()[1], 70);
}

TEST_P(NestedNodeTest, AnErrorInsideNamesItsPlaceAndTheNextRunIsWhole) {
  const NetDef net =
      parse(truth("w", "c") + control("If", "c", nested("then_net", binary("Add", "x", "z", "x"))) +
            scale("x", "y", 1) +
            "external_input: 'w' external_input: 'x' external_input: 'z' "
            "external_output: 'y'");
  Session session(net, workspace, pool, options());
  feed("w", 1);
  workspace.feed("x", Tensor::from<float>({1, 3}, {1, 2, 3}));
  workspace.feed("z", Tensor::from<float>({1, 2}, {1, 1}));
  expect_error(ErrorCode::kInvalidNet, "then_net_of_test", [&] { session.run(); });
  feed("z", 2);
  feed("x", 1);
  session.run();
  EXPECT_EQ(value("y"), 3);
}

TEST_P(NestedNodeTest, AConditionIsOneBool) {
  const NetDef net = parse(control("If", "x", nested("then_net", scale("k", "k", 3))) +
                           "external_input: 'x' external_input: 'k'");
  feed("x", 1);
  feed("k", 1);
  expect_error(ErrorCode::kTypeMismatch, "must be one bool, found float32 1",
               [&] { Session(net, workspace, pool, options()).run(); });
}

TEST_P(NestedNodeTest, CancellingEndsALoopWithoutEnd) {
  const NetDef net =
      parse(control("While", "c", nested("loop_net", scale("k", "k", 1))) + scale("k", "y", 1) +
            "external_input: 'c' external_input: 'k' external_output: 'y'");
  workspace.feed("c", Tensor::from<bool>({1}, {true}));
  feed("k", 1);
  Session session(net, workspace, pool, options());
  std::atomic<bool> ended{false};
  std::thread other([&] {
    while (!ended.load()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      session.cancel();
    }
  });
  expect_error(ErrorCode::kCancelled, [&] { session.run(); });
  ended.store(true);
  other.join();
  workspace.feed("c", Tensor::from<bool>({1}, {false}));
  workspace.clear_torn();
  session.run();
  EXPECT_EQ(value("y"), 1);
}

TEST(NestedNode, WhatIsWrongInsideIsListedWithTheRest) {
  const NetDef net = parse("name: 'outer' op { type: 'Relo' input: 'x' output: 'r' }" +
                           control("If", "c",
                                   nested("then_net",
                                          "op { type: 'Scael' input: 'k' "
                                          "output: 'k' } ")));
  const std::string text = expect_error(ErrorCode::kInvalidNet, [&] { graph::build_graph(net); });
  for (const char* part : {"'Relo'", "then_net", "'Scael'", "Scale"}) {
    EXPECT_NE(text.find(part), text.npos) << part << " is not in " << text;
  }
}

TEST(NestedNode, NestedEffectsStayInTheOrderOfTheNet) {
  const NetDef net =
      parse("op { type: 'Print' input: 'x' }" +
            control("If", "c", nested("then_net", "op { type: 'Print' input: 'x' } ")) +
            "op { type: 'Print' input: 'x' } external_input: 'x' external_input: 'c'");
  const auto plan =
      compile(net, {{"x", {DType::kFloat32, {1}}}, {"c", {DType::kBool, {1}}}}, {.threads = 2});
  ASSERT_EQ(plan->graph.ops.size(), 3u) << "an If that only prints is kept";
  std::vector<std::pair<int, int>> order;
  for (const graph::Edge& edge : plan->edges) {
    if (edge.kind == graph::EdgeKind::kOrder) order.emplace_back(edge.from, edge.to);
  }
  EXPECT_EQ(order, (std::vector<std::pair<int, int>>{{0, 1}, {1, 2}}));
}

TEST(NestedNode, AGradientThroughABranchIsRefused) {
  NetDef net = parse(
      scale("w", "k", 1) + control("If", "c", nested("then_net", scale("k", "k", 3))) +
      scale("k", "loss", 1) + "external_input: 'w' external_input: 'c' external_output: 'loss'");
  expect_error(ErrorCode::kInvalidNet, "on the way w -> Scale -> k -> If", [&] {
    graph::add_gradients(net, {{"loss", ""}}, {{"w"}});
  });
}

}  // namespace
}  // namespace headrace
