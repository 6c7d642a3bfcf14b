// Random nets compared with the meaning of their files, and Runs side by side.
#include <thread>

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "graph/session.h"
#include "tests/graph/random_nets.h"
#include "tests/graph/vec_ops.h"

namespace headrace {
namespace {

TEST(RandomNet, RunsAsItReads) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool({.threads = threads});
    for (uint32_t seed = 0; seed < 60; ++seed) {
      const RandomNet random = random_net(seed);
      for (bool serial : {false, true}) {
        SessionOptions options;
        options.compile.threads = threads;
        options.compile.serial = serial;
        expect_meaning(random, options, pool,
                       fmt::format("seed {}, {} threads, serial {}", seed, threads, serial));
        if (HasFailure()) return;
      }
    }
  }
}

TEST(RandomNet, EverythingKeptGivesTheSame) {
  ThreadPool pool({.threads = 2});
  for (uint32_t seed = 100; seed < 140; ++seed) {
    SessionOptions options;
    options.compile.threads = 2;
    options.compile.readable.all = true;
    expect_meaning(random_net(seed), options, pool, fmt::format("seed {}", seed));
    if (HasFailure()) return;
  }
}

TEST(RandomNet, EqualOptionsGiveEqualPlans) {
  const RandomNet random = random_net(7);
  graph::InputTypes inputs;
  for (const auto& [name, values] : random.initial) {
    inputs.emplace(name, TensorDesc{DType::kFloat32, Shape{static_cast<int64_t>(values.size())}});
  }
  const CompileOptions options{.threads = 2};
  EXPECT_EQ(compile(random.net, inputs, options)->to_string(),
            compile(random.net, inputs, options)->to_string());
}

TEST(RandomNet, TicketsAreALinearExtension) {
  for (uint32_t seed = 200; seed < 260; ++seed) {
    const RandomNet random = random_net(seed);
    graph::InputTypes inputs;
    for (const auto& [name, values] : random.initial) {
      inputs.emplace(name, TensorDesc{DType::kFloat32, Shape{static_cast<int64_t>(values.size())}});
    }
    const auto plan = compile(random.net, inputs, {.threads = 2});
    std::vector<std::pair<int, int>> edges;
    for (const graph::Edge& edge : plan->edges) edges.emplace_back(edge.from, edge.to);
    const graph::Reachability order(static_cast<int>(plan->nodes.size()), edges);
    size_t collectives = 0;
    for (const graph::Op& op : plan->graph.ops) collectives += op.type() == "VecCollective";
    EXPECT_EQ(plan->tickets.size(), collectives) << "seed " << seed;
    for (size_t later = 0; later < plan->tickets.size(); ++later) {
      for (size_t sooner = 0; sooner < later; ++sooner) {
        EXPECT_FALSE(order.reaches(plan->tickets[later], plan->tickets[sooner])) << "seed " << seed;
      }
    }
  }
}

TEST(ConcurrentRuns, ShareOnePlanAndItsState) {
  // y = (x + w) * 2 by many runs at once, each with an x of its own.
  NetDef net;
  net.set_name("inference");
  *net.add_op() = vec_op("VecAdd", {"x", "w"}, {"s"});
  *net.add_op() = vec_scale("s", "y", 2);
  for (const char* name : {"x", "w"}) net.add_external_input(name);
  net.add_external_output("y");
  Workspace workspace;
  workspace.feed("w", Tensor::from<float>(Shape{2}, {10, 20}));
  ThreadPool pool({.threads = 2});
  const TensorDesc vector{DType::kFloat32, Shape{2}};
  const auto plan = compile(net, {{"x", vector}, {"w", vector}}, {.threads = 2});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      headrace::Run run(plan, workspace, pool, {.publish = false});
      for (int i = 0; i < 200; ++i) {
        const float x = static_cast<float>(t * 1000 + i);
        run.set_input("x", Tensor::from<float>(Shape{2}, {x, x}));
        run.execute();
        const Tensor y = run.output("y");
        if (y.data<float>()[0] != 2 * (x + 10) || y.data<float>()[1] != 2 * (x + 20)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(workspace.find("y"), nullptr) << "nothing was to be published";
}

TEST(ConcurrentRuns, TwoWritersOfOneStateAreAnError) {
  NetDef net;
  net.set_name("training");
  *net.add_op() = vec_scale("w", "w", 2);
  net.add_external_input("w");
  Workspace workspace;
  workspace.feed("w", Tensor::from<float>(Shape{1}, {1}));
  ASSERT_TRUE(workspace.find("w")->try_lease_shared());  // a reader is at work
  ThreadPool pool({.threads = 1});
  Session session(net, workspace, pool);
  try {
    session.run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kState);
    EXPECT_NE(std::string(error.what()).find("'w'"), std::string::npos);
  }
  workspace.find("w")->release_shared();
  session.run();
  EXPECT_EQ(workspace.fetch("w").item<float>(), 2);
}

}  // namespace
}  // namespace headrace
