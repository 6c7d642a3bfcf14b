// ResNet-50 on this machine: training steps or inference, images per second, and what the engine
// adds to its kernels. Rival: bench/pytorch_resnet50.py, same task in PyTorch; bench/resnet50.sh
// takes turns.
#include <algorithm>
#include <chrono>
#include <iostream>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench/guarded_main.h"
#include "core/proto/net.pb.h"
#include "core/rng.h"
#include "core/thread_pool.h"
#include "core/trace.h"
#include "core/workspace.h"
#include "graph/run_state.h"
#include "graph/session.h"
#include "models/model.h"
#include "net_builders/train_step.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Settings {
  std::string model = "resnet50";
  int64_t batch = 16;
  int image = 224;
  int threads = 2;
  int steps = 10;
  bool inference = false;
  bool json = false;
};

struct Nets {
  NetDef init;
  NetDef net;
};

Nets build(const Settings& settings) {
  const Model model =
      build_model(settings.model, {.batch = settings.batch, .image = settings.image});
  TrainStep step(model.loss);
  step.optimizer(MomentumSgd{.momentum = 0.9f, .weight_decay = 1e-4f})
      .schedule(linear_scaling(0.1f, 256))
      .epoch_size(1'281'167);
  return {step.init_net(), settings.inference ? step.predict_net() : step.train_net()};
}

void feed(const Settings& settings, Workspace& workspace) {
  Tensor data(Shape{settings.batch, 3, settings.image, settings.image}, DType::kFloat32);
  const Rng rng(1, 1, 0);
  auto pixels = data.data<float>();
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = rng.uniform(i) * 2 - 1;
  workspace.feed("data", data);
  Tensor label(Shape{settings.batch}, DType::kInt32);
  for (int64_t i = 0; i < settings.batch; ++i) {
    label.data<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(i * 37 % 1000);
  }
  workspace.feed("label", label);
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// The same kernels one after the other, without any executor.
class PlainLoop {
 public:
  PlainLoop(const Plan& plan, Workspace& workspace)
      : plan_(plan), state_(plan, workspace, /*publish=*/true) {
    step_.workspace = &workspace;
    contexts_ = state_.make_contexts({&step_, 1});
  }

  void run() {
    RunState::Leases leases(state_);
    state_.bind();
    state_.refresh_packed(contexts_);
    for (size_t i = 0; i < plan_.nodes.size(); ++i) plan_.nodes[i].kernel->launch(contexts_[i]);
    state_.finish();
  }

 private:
  const Plan& plan_;
  RunState state_;
  StepState step_;
  std::vector<OpContext> contexts_;
};

/// Share of a step that no kernel ran in, at one thread: what the recorder saw outside of nodes.
double dispatch_share(const NetDef& net, Workspace& workspace, ThreadPool& pool, int threads) {
  TraceRecorder trace({.workers = pool.threads(), .separate_stamps = true});
  SessionOptions options;
  options.compile.threads = threads;
  options.run.trace = &trace;
  Session session(net, workspace, pool, options);
  for (int i = 0; i < 3; ++i) session.run();
  uint64_t inside = 0;
  for (int worker = 0; worker < trace.workers(); ++worker) {
    for (const TraceEvent& event : trace.worker(worker).events()) inside += event.end - event.begin;
  }
  uint64_t steps = 0;
  for (const TraceEvent& run : trace.runs()) steps += run.end - run.begin;
  return 1 - static_cast<double>(inside) / static_cast<double>(steps);
}

nlohmann::json measure(const Settings& settings) {
  ThreadPool pool({.threads = settings.threads, .pin = true});
  Workspace workspace;
  const Nets nets = build(settings);
  run_once(nets.init, workspace, pool);
  feed(settings, workspace);

  SessionOptions options;
  options.compile.threads = settings.threads;
  const auto begin = Clock::now();
  Session session(nets.net, workspace, pool, options);
  const Plan& plan = session.plan();
  const double load_and_compile = seconds_since(begin);
  session.run();  // warm-up

  std::vector<double> times;
  std::vector<double> plain_times;
  std::optional<PlainLoop> plain;
  if (settings.threads == 1) plain.emplace(plan, workspace);
  for (int i = 0; i < settings.steps; ++i) {
    auto start = Clock::now();
    session.run(static_cast<uint64_t>(i));
    times.push_back(seconds_since(start));
    if (!plain) continue;
    start = Clock::now();
    plain->run();
    plain_times.push_back(seconds_since(start));
  }

  const double best = *std::ranges::min_element(times);
  const double images = static_cast<double>(settings.batch);
  nlohmann::json result = {
      {"engine", "headrace"},
      {"model", settings.model},
      {"task", settings.inference ? "inference" : "training"},
      {"batch", settings.batch},
      {"image", settings.image},
      {"threads", settings.threads},
      {"steps", settings.steps},
      {"load_and_compile_s", load_and_compile},
      {"step_s", {{"min", best}, {"median", median(times)}}},
      {"images_per_s", {{"max", images / best}, {"median", images / median(times)}}},
      {"operators", plan.nodes.size()},
      {"arena_bytes", plan.storage.arena_bytes()},
      {"arena_bound_bytes", plan.storage.arenas.front().placement.serial_bound},
  };
  if (plain) {
    const double plain_best = *std::ranges::min_element(plain_times);
    result["plain_loop_step_s"] = {{"min", plain_best}, {"median", median(plain_times)}};
    result["step_over_plain_loop"] = best / plain_best;
    result["dispatch_share"] = dispatch_share(nets.net, workspace, pool, settings.threads);
  }
  return result;
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("ResNet-50 (or another model): images per second");
  app.add_option("--model", settings.model, "model to build")->capture_default_str();
  app.add_option("--batch", settings.batch, "images per step")->capture_default_str();
  app.add_option("--image", settings.image, "height and width")->capture_default_str();
  app.add_option("--threads", settings.threads, "compute threads, pinned")->capture_default_str();
  app.add_option("--steps", settings.steps, "steps that count, after one warm-up")
      ->capture_default_str();
  app.add_flag("--inference", settings.inference, "the predict net instead of the training step");
  app.add_flag("--json", settings.json, "one JSON object on stdout");
  CLI11_PARSE(app, argc, argv);
  const nlohmann::json result = measure(settings);
  if (settings.json) {
    std::cout << result << "\n";
  } else {
    std::cout << result.dump(2) << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace headrace

int main(int argc, char** argv) {
  return headrace::bench::guarded_main([&] { return headrace::run(argc, argv); });
}
