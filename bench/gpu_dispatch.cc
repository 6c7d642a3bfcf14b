// What it costs to keep a GPU busy: nets of small kernels through the engine, against a plain loop
// that launches the same kernels on one stream, and the price of going from CPU to GPU and back.
#include <algorithm>
#include <chrono>

#include "bench/gpu.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/run_state.h"
#include "graph/session.h"

namespace headrace::bench {
namespace {

struct Settings {
  int nodes = 1000;
  int64_t elements = 1024;
  int rounds = 30;
};

/// Y = Relu(Y) so many times; on the GPU, or in turns on GPU and CPU.
NetDef chain(int nodes, bool in_turns) {
  NetDef net;
  net.set_name("chain");
  for (int i = 0; i < nodes; ++i) {
    OperatorDef& op = *net.add_op();
    op.set_type("Relu");
    op.add_input("v" + std::to_string(i));
    op.add_output("v" + std::to_string(i + 1));
    if (!in_turns || i % 2 == 0) op.mutable_device_option()->set_device_type(1);
  }
  net.add_external_input("v0");
  net.add_external_output("v" + std::to_string(nodes));
  return net;
}

template <typename Work>
double shortest(int rounds, Work&& work) {
  using Clock = std::chrono::steady_clock;
  constexpr int kWarmup = 3;
  double best = 1e30;
  for (int round = 0; round < rounds + kWarmup; ++round) {
    const auto start = Clock::now();
    work();
    const std::chrono::duration<double> took = Clock::now() - start;
    if (round >= kWarmup) best = std::min(best, took.count());
  }
  return best;
}

class Bench {
 public:
  explicit Bench(const Settings& settings) : settings_(settings) {
    Tensor input(Shape{settings.elements}, DType::kFloat32);
    std::ranges::fill(input.data<float>(), 1.0f);
    workspace_.feed("v0", input);
  }

  /// Seconds per run of the net by the engine.
  double by_engine(const NetDef& net) {
    Session session(net, workspace_, pool_, {});
    return shortest(settings_.rounds, [&] { session.run(); });
  }

  /// The same of its kernels, launched one after the other.
  double by_loop(const NetDef& net) {
    const auto plan = plan_of(net);
    RunState state(*plan, workspace_, /*publish=*/false);
    const StepState step;
    std::vector<OpContext> contexts = state.make_contexts({&step, 1});
    state.bind();
    return shortest(settings_.rounds, [&] {
      for (const graph::OpId node : plan->schedule.order) {
        plan->nodes[node].kernel->launch(contexts[node]);
      }
      if (std::exception_ptr error = state.drain()) std::rethrow_exception(error);
    });
  }

  /// How often a value goes from one device to another.
  int64_t copies(const NetDef& net) {
    return std::ranges::count_if(plan_of(net)->graph.ops,
                                 [](const graph::Op& op) { return op.type() == "DeviceCopy"; });
  }

 private:
  std::shared_ptr<const Plan> plan_of(const NetDef& net) {
    return compile(net, {{"v0", {DType::kFloat32, Shape{settings_.elements}}}}, {.threads = 1});
  }

  const Settings settings_;
  Workspace workspace_;
  ThreadPool pool_{{.threads = 1}};
};

nlohmann::ordered_json measure(const Settings& settings, bool json) {
  Bench bench(settings);
  const NetDef on_gpu = chain(settings.nodes, /*in_turns=*/false);
  const NetDef in_turns = chain(settings.nodes, /*in_turns=*/true);
  const double engine = bench.by_engine(on_gpu) / settings.nodes;
  const double loop = bench.by_loop(on_gpu) / settings.nodes;
  const double hop = bench.by_engine(in_turns) / static_cast<double>(bench.copies(in_turns));
  if (!json) {
    fmt::print("a node by the engine        {:>8.2f} us\n", engine * 1e6);
    fmt::print("a node by a plain loop      {:>8.2f} us\n", loop * 1e6);
    fmt::print("the engine adds             {:>8.2f} us\n", (engine - loop) * 1e6);
    fmt::print("from CPU to GPU or back     {:>8.2f} us, the node included\n", hop * 1e6);
  }
  return {{"nodes", settings.nodes},
          {"elements", settings.elements},
          {"engine_seconds_per_node", engine},
          {"loop_seconds_per_node", loop},
          {"hop_seconds", hop}};
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app("What the engine adds to kernels on cuda:0, per node");
  app.add_option("--nodes", settings.nodes, "Nodes of a chain")
      ->capture_default_str()
      ->check(CLI::Range(2, 100000));
  app.add_option("--elements", settings.elements, "Elements of an operand")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31));
  app.add_option("--rounds", settings.rounds, "Runs of each; the shortest counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  return headrace::bench::run_on_gpu(
      app, argc, argv, [&](bool json) { return headrace::bench::measure(settings, json); });
}
