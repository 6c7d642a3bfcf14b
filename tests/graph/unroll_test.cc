// Several steps of a net in one plan mean what the steps mean one after the other.
#include "graph/unroll.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "graph/reachability.h"
#include "tests/graph/random_nets.h"
#include "tests/graph/vec_ops.h"

namespace headrace {
namespace {

Tensor tensor_of(const Vector& values) {
  return Tensor::from<float>(Shape{static_cast<int64_t>(values.size())}, std::span(values));
}

Vector vector_of(const Workspace& workspace, const std::string& name) {
  const Tensor tensor = workspace.fetch(name);
  const auto data = tensor.data<float>();
  return {data.begin(), data.end()};
}

/// Names that the net writes, and those that come from outside.
std::set<std::string> written(const NetDef& net) {
  std::set<std::string> names;
  for (const OperatorDef& op : net.op()) names.insert(op.output().begin(), op.output().end());
  return names;
}

void check_storage(const Plan& plan) {
  std::vector<std::pair<int, int>> edges;
  for (const graph::Edge& edge : plan.edges) edges.emplace_back(edge.from, edge.to);
  const graph::Reachability order(static_cast<int>(plan.nodes.size()), edges);
  for (const graph::Arena& arena : plan.storage.arenas) {
    graph::check_placement(arena.lifetimes, order, arena.placement);
  }
}

// Inputs that the net leaves alone are other ones in each step, and all that it writes is read.
TEST(Unroll, RandomNetsMeanTheirStepsOneAfterTheOther) {
  ThreadPool pool({.threads = 2});
  for (uint32_t seed = 300; seed < 360; ++seed) {
    const RandomNet random = random_net(seed);
    const int steps = 1 + static_cast<int>(seed % 4);
    const std::set<std::string> made = written(random.net);
    SessionOptions options;
    options.compile.threads = 2;
    options.compile.unroll.steps = steps;
    Workspace workspace;
    for (const auto& [name, values] : random.initial) {
      if (!made.contains(name)) options.compile.unroll.fed.push_back(name);
      workspace.feed(name, tensor_of(values));
    }
    for (const std::string& name : made) {
      if (!random.initial.contains(name)) options.compile.readable.names.push_back(name);
    }
    std::unique_ptr<Session> session;
    State state = random.initial;
    for (int run = 0; run < 2; ++run) {
      std::vector<State> expected;
      for (int step = 0; step < steps; ++step) {
        for (const std::string& name : options.compile.unroll.fed) {
          Vector& values = state.at(name);
          for (float& value : values) value = static_cast<float>((run + 1) * (step + 2)) - value;
          workspace.feed(graph::step_name(name, step, steps), tensor_of(values));
        }
        interpret(random.net, state);
        expected.push_back(state);
      }
      if (session == nullptr) {
        session = std::make_unique<Session>(random.net, workspace, pool, options);
        check_storage(session->plan());
      }
      session->run();
      for (const auto& [name, values] : state) {
        if (made.contains(name) && random.initial.contains(name)) {
          EXPECT_EQ(vector_of(workspace, name), values) << "seed " << seed << ", state " << name;
        }
      }
      for (int step = 0; step < steps; ++step) {
        for (const std::string& name : options.compile.readable.names) {
          EXPECT_EQ(vector_of(workspace, graph::step_name(name, step, steps)),
                    expected[static_cast<size_t>(step)].at(name))
              << "seed " << seed << ", step " << step << " of " << steps << ", blob " << name;
        }
      }
      if (HasFailure()) return;
    }
  }
}

NetDef net_of(std::vector<OperatorDef> ops, std::vector<std::string> inputs) {
  NetDef net;
  net.set_name("test");
  for (OperatorDef& op : ops) *net.add_op() = std::move(op);
  for (std::string& name : inputs) net.add_external_input(std::move(name));
  return net;
}

std::string error_of(const NetDef& net, const graph::Unroll& unroll) {
  try {
    compile(net, {}, {.unroll = unroll});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Unroll, WhatCannotBeIsAnError) {
  const NetDef net = net_of({vec_scale("x", "y", 2)}, {"x"});
  EXPECT_NE(error_of(net, {.steps = 0}).find("at least one step"), std::string::npos);
  EXPECT_NE(error_of(net, {.steps = 2, .fed = {"z"}}).find("no input 'z'"), std::string::npos);
  EXPECT_NE(error_of(net, {.steps = 2, .fed = {"y"}}).find("no input 'y'"), std::string::npos);
  const NetDef clash = net_of({vec_scale("x", "x@0", 2)}, {"x"});
  EXPECT_NE(error_of(clash, {.steps = 2, .fed = {"x"}}).find("'x@0'"), std::string::npos);
}

// Each step has its number, by which random numbers are drawn.
TEST(Unroll, StepsDrawTheNumbersTheyWouldDrawAlone) {
  NetDef net;
  net.set_name("random");
  OperatorDef* op = net.add_op();
  op->set_type("UniformFill");
  op->add_output("u");
  Argument* shape = op->add_arg();
  shape->set_name("shape");
  shape->add_ints(8);
  ThreadPool pool({.threads = 1});
  std::vector<Vector> alone;
  Workspace workspace;
  Session one(net, workspace, pool, {});
  for (uint64_t step = 5; step < 8; ++step) {
    one.run(step);
    alone.push_back(vector_of(workspace, "u"));
  }
  EXPECT_NE(alone[0], alone[1]);
  SessionOptions options;
  options.compile.unroll.steps = 3;
  options.compile.readable.names = {"u"};
  Session three(net, workspace, pool, options);
  three.run(5);
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(vector_of(workspace, graph::step_name("u", step, 3)),
              alone[static_cast<size_t>(step)]);
  }
}

// The second step is the first that is not finite: that is what the error is about.
TEST(Unroll, TheStepThatWentWrongIsNamed) {
  NetDef net = net_of({vec_op("VecAdd", {"w", "x"}, {"sum"}), vec_scale("sum", "loss", 1),
                       vec_scale("w", "w", 0.5f)},
                      {"w", "x"});
  ThreadPool pool({.threads = 2});
  Workspace workspace;
  workspace.feed("w", tensor_of({1}));
  workspace.feed("x@0", tensor_of({1}));
  workspace.feed("x@1", tensor_of({3e38f}));
  workspace.feed("x", tensor_of({2}));
  SessionOptions options;
  options.compile.unroll = {.steps = 3, .fed = {"x"}};
  options.compile.finite = {"loss"};
  Session session(net, workspace, pool, options);
  session.run();
  EXPECT_EQ(vector_of(workspace, "w"), Vector{0.125f});
  workspace.feed("w", tensor_of({3e38f}));
  workspace.feed("x@1", tensor_of({2e38f}));  // 1.5e38 + 2e38 is too much
  workspace.feed("x@0", tensor_of({1}));
  try {
    session.run();
    FAIL() << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(error.code(), ErrorCode::kNumeric);
    EXPECT_NE(text.find("step 2 of the run"), std::string::npos) << text;
    EXPECT_NE(text.find("it began in VecAdd 'sum'"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace headrace
