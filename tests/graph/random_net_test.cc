// Random nets with reused names, in-place operators, state, asynchronous and blocking operators,
// compared with the meaning of a net file: operators one after the other over named vectors.
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "graph/session.h"
#include "tests/graph/vec_ops.h"

namespace headrace {
namespace {

constexpr int64_t kSize = 5;
using Vector = std::vector<float>;
using State = std::map<std::string, Vector>;

struct RandomNet {
  NetDef net;
  State initial;  // external inputs
};

RandomNet random_net(uint32_t seed) {
  std::mt19937 random(seed);
  auto below = [&](size_t bound) { return static_cast<size_t>(random() % bound); };
  RandomNet result;
  result.net.set_name("random");
  std::vector<std::string> names;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "in" + std::to_string(i);
    names.push_back(name);
    result.net.add_external_input(name);
    for (int64_t k = 0; k < kSize; ++k) {
      result.initial[name].push_back(static_cast<float>(below(7)) - 3);
    }
  }
  const size_t ops = 5 + below(60);
  for (size_t i = 0; i < ops; ++i) {
    auto any = [&] { return names[below(names.size())]; };
    auto target = [&] { return below(3) == 0 ? any() : "v" + std::to_string(below(25)); };
    OperatorDef* op = result.net.add_op();
    std::vector<std::string> outputs = {target()};
    switch (below(7)) {
      case 0:
        *op = vec_fill(outputs[0], kSize, static_cast<float>(below(5)));
        break;
      case 1:
        *op = vec_scale(any(), outputs[0], below(2) == 0 ? -1.0f : 0.5f);
        break;
      case 2:
        *op = vec_op("VecAsync", {any()}, outputs);
        break;
      case 3:
        *op = vec_op("VecBlocking", {any()}, outputs);
        break;
      case 4:
        *op = vec_op("VecCollective", {any()}, outputs);
        break;
      case 5:
        outputs.push_back(outputs[0] + "b");
        *op = vec_op("VecPair", {any()}, outputs);
        break;
      default:
        *op = vec_op("VecAdd", {any(), any()}, outputs);
    }
    if (below(8) == 0) op->add_control_input(any());
    for (const std::string& name : outputs) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    if (below(3) == 0) result.net.add_external_output(name);
  }
  return result;
}

/// The sequential meaning of the net.
void interpret(const NetDef& net, State& state) {
  for (const OperatorDef& op : net.op()) {
    Vector x = op.input_size() > 0 ? state.at(op.input(0)) : Vector(kSize);
    Vector second = x;
    for (size_t i = 0; i < x.size(); ++i) {
      if (op.type() == "VecFill") {
        for (const Argument& arg : op.arg()) {
          if (arg.name() == "value") x[i] = arg.f();
        }
      }
      if (op.type() == "VecScale") x[i] *= op.arg(0).f();
      if (op.type() == "VecAdd") x[i] += state.at(op.input(1))[i];
      if (op.type() == "VecPair") {
        second[i] = x[i] + 2;
        x[i] += 1;
      }
    }
    state[op.output(0)] = x;
    if (op.output_size() > 1) state[op.output(1)] = second;
  }
}

void expect_same(const RandomNet& random, const SessionOptions& options, ThreadPool& pool,
                 const std::string& what) {
  Workspace workspace;
  for (const auto& [name, values] : random.initial) {
    workspace.feed(name, Tensor::from<float>(Shape{kSize}, std::span(values)));
  }
  State expected = random.initial;
  Session session(random.net, workspace, pool, options);
  const Plan& plan = session.plan();
  std::vector<std::pair<int, int>> edges;
  for (const graph::Edge& edge : plan.edges) edges.emplace_back(edge.from, edge.to);
  if (!options.compile.serial) {
    graph::check_placement(plan.storage.lifetimes,
                           graph::Reachability(static_cast<int>(plan.nodes.size()), edges),
                           plan.storage.placement);
  }
  for (int step = 0; step < 3; ++step) {
    interpret(random.net, expected);
    session.run(static_cast<uint64_t>(step));
    for (const std::string& name : workspace.names()) {
      const Tensor tensor = workspace.fetch(name);
      const auto data = tensor.data<float>();
      EXPECT_EQ(Vector(data.begin(), data.end()), expected.at(name))
          << what << ", step " << step << ", blob '" << name << "'\n"
          << plan.to_string();
    }
    for (const std::string& name : random.net.external_output()) {
      EXPECT_NE(workspace.find(name), nullptr) << what << ": " << name;
    }
  }
}

TEST(RandomNet, RunsAsItReads) {
  for (int threads : {1, 2, 4}) {
    ThreadPool pool({.threads = threads});
    for (uint32_t seed = 0; seed < 60; ++seed) {
      const RandomNet random = random_net(seed);
      for (bool serial : {false, true}) {
        SessionOptions options;
        options.compile.threads = threads;
        options.compile.serial = serial;
        expect_same(random, options, pool,
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
    expect_same(random_net(seed), options, pool, fmt::format("seed {}", seed));
    if (HasFailure()) return;
  }
}

TEST(RandomNet, EqualOptionsGiveEqualPlans) {
  const RandomNet random = random_net(7);
  graph::InputTypes inputs;
  for (const auto& [name, values] : random.initial) {
    inputs.emplace(name, TensorDesc{DType::kFloat32, Shape{kSize}});
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
      inputs.emplace(name, TensorDesc{DType::kFloat32, Shape{kSize}});
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
