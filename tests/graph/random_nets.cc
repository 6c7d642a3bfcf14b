#include "tests/graph/random_nets.h"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "tests/graph/vec_ops.h"

namespace headrace {
namespace {

constexpr int64_t kSize = 5;

}  // namespace

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
      if (op.type() == "VecFlip") x[i] *= state.at(op.input(1))[0] < 0 ? -1.0f : 1.0f;
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

RandomNet random_net(uint32_t seed, int gpus) {
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
    switch (below(8)) {
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
        *op = vec_op("VecFlip", {any(), any()}, outputs);
        break;
      case 5:
        *op = vec_op("VecCollective", {any()}, outputs);
        break;
      case 6:
        outputs.push_back(outputs[0] + "b");
        *op = vec_op("VecPair", {any()}, outputs);
        break;
      default:
        *op = vec_op("VecAdd", {any(), any()}, outputs);
    }
    if (below(8) == 0) op->add_control_input(any());
    if (gpus > 0 && has_kernel(op->type(), DeviceKind::kCuda) && below(2) == 0) {
      op->mutable_device_option()->set_device_type(1);
      op->mutable_device_option()->set_device_id(static_cast<int>(below(gpus)));
    }
    for (const std::string& name : outputs) {
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    if (below(3) == 0) result.net.add_external_output(name);
  }
  return result;
}

void expect_meaning(const RandomNet& random, const SessionOptions& options, ThreadPool& pool,
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
  if (!options.compile.serial || plan.storage.arenas.size() > 1) {
    const graph::Reachability order(static_cast<int>(plan.nodes.size()), edges);
    for (const graph::Arena& arena : plan.storage.arenas) {
      graph::check_placement(arena.lifetimes, order, arena.placement);
    }
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

}  // namespace headrace
