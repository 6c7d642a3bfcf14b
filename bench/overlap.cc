// How much of its communication a training step hides. A rank of data-parallel training with the
// plan of the real net, in which every operator but the collectives is replaced by one that takes
// as long as it was measured to take: so two cores can be several workers, and what the network and
// the scheduler do is real. bench/overlap.sh puts the ranks on shaped links.
//
// Three kinds of step take turns: computing alone, communicating alone, and both. What can be
// hidden is all communication but that of the last bucket, whose gradients are ready when there is
// nothing left to compute.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <time.h>

#include "bench/guarded_main.h"
#include "comm/common_world.h"
#include "comm/connect.h"
#include "comm/secret.h"
#include "comm/store/open.h"
#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/thread_pool.h"
#include "core/trace.h"
#include "core/workspace.h"
#include "graph/session.h"
#include "models/model.h"
#include "net_builders/data_parallel.h"
#include "net_builders/net_state.h"
#include "net_builders/train_step.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

struct Settings {
  std::string model = "resnet50";
  int64_t batch = 16;
  std::string measure;  // file to write
  std::string profile;  // file to read
  int ranks = 2;
  int rank = 0;
  std::string store;
  std::string address = "127.0.0.1";
  double dilate = 1;
  int steps = 10;
  int unroll = 1;
  double bucket_mib = 8;
  double first_mib = 1;
  double last_mib = 1;
};

/// Seconds by operator: its type and name, which are the same for any number of ranks.
using Profile = std::map<std::string, double>;

std::string key_of(const graph::Op& op) { return op.type() + " " + op.name; }

struct Nets {
  NetDef init;
  NetDef train;
};

Nets build(const Settings& settings) {
  const Model model = build_model(settings.model, {.batch = settings.batch});
  TrainStep step(model.loss);
  step.optimizer(MomentumSgd{.momentum = 0.9f, .weight_decay = 1e-4f})
      .schedule(linear_scaling(0.1f, 256))
      .epoch_size(1'281'167);
  return {step.init_net(), step.train_net()};
}

/// What each step is fed.
const std::vector<std::string> kFed = {"data", "label"};

/// What the values are does not matter here.
void feed(const Settings& settings, Workspace& workspace) {
  const Model model = build_model(settings.model, {.batch = settings.batch});
  for (const std::string& name : kFed) {
    const TensorDesc& desc = model.net.state()->training.desc(name);
    Tensor tensor(desc.shape, desc.dtype);
    std::memset(tensor.raw(), 0, desc.bytes());
    for (int step = 0; step < settings.unroll; ++step) {
      workspace.feed(graph::step_name(name, step, settings.unroll), tensor);
    }
  }
}

Profile measure(const Settings& settings) {
  ThreadPool pool({.pin = true});
  Workspace workspace;
  const Nets nets = build(settings);
  run_once(nets.init, workspace, pool);
  feed(settings, workspace);
  TraceRecorder trace({.workers = pool.threads(), .separate_stamps = true});
  SessionOptions options;
  options.compile.threads = pool.threads();
  options.compile.serial = true;  // so that each operator has the machine to itself
  options.run.trace = &trace;
  Session session(nets.train, workspace, pool, options);
  for (int step = 0; step < settings.steps; ++step) session.run(static_cast<uint64_t>(step));

  const Plan& plan = session.plan();
  const double seconds_per_tick = trace.calibrate().ns_per_tick * 1e-9;
  std::map<int, double> best;  // the fastest of all steps, by node
  for (int worker = 0; worker < trace.workers(); ++worker) {
    for (const TraceEvent& event : trace.worker(worker).events()) {
      const double seconds = static_cast<double>(event.end - event.begin) * seconds_per_tick;
      const auto [found, is_new] = best.emplace(event.node, seconds);
      if (!is_new) found->second = std::min(found->second, seconds);
    }
  }
  Profile profile;
  for (const auto& [node, seconds] : best) {
    profile[key_of(plan.graph.ops[static_cast<size_t>(node)])] += seconds;
  }
  return profile;
}

/// Takes as long as it is told to, without the CPU. Operators that follow one another do not add up
/// what the system's sleep is late by: each ends so long after the one before it should have ended.
class Emulated final : public Kernel {
 public:
  struct Device {
    int64_t free_at = 0;  // nanoseconds; there is one compute thread
  };

  Emulated(Device& device, const double& scale, double seconds)
      : device_(device), scale_(scale), seconds_(seconds) {}

  void launch(OpContext&) const override {
    const auto duration = static_cast<int64_t>(seconds_ * scale_ * 1e9);
    if (duration == 0) return;
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    const int64_t now = time.tv_sec * 1'000'000'000 + time.tv_nsec;
    constexpr int64_t kLate = 500'000;  // a sleep that ends later than this was a wait for operands
    const int64_t begin = now - device_.free_at < kLate ? device_.free_at : now;
    device_.free_at = begin + duration;
    const timespec end{.tv_sec = device_.free_at / 1'000'000'000,
                       .tv_nsec = device_.free_at % 1'000'000'000};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) != 0) {
    }
  }

 private:
  Device& device_;
  const double& scale_;
  double seconds_;
};

/// A collective, or nothing where only computing is timed.
class Switched final : public AsyncKernel {
 public:
  Switched(std::unique_ptr<Kernel> kernel, const bool& on)
      : kernel_(std::move(kernel)),
        collective_(dynamic_cast<const AsyncKernel&>(*kernel_)),
        on_(on) {}

  void start(OpContext& context, Completion done) const override {
    if (on_) return collective_.start(context, done);
    done();
  }
  void abort(OpContext& context, const std::string& reason) const noexcept override {
    collective_.abort(context, reason);
  }
  size_t scratch_bytes() const override { return kernel_->scratch_bytes(); }

 private:
  std::unique_ptr<Kernel> kernel_;
  const AsyncKernel& collective_;
  const bool& on_;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

nlohmann::json run_rank(const Settings& settings, const Profile& profile) {
  const comm::Secret secret = comm::Secret::from_environment();
  const auto store = comm::open_store(settings.store, {.secret = secret, .insecure = true});
  std::shared_ptr<comm::Group> group = comm::connect_group("tcp",
                                                           {.rank = settings.rank,
                                                            .size = settings.ranks,
                                                            .job = "overlap",
                                                            .address = settings.address,
                                                            .secret = secret,
                                                            .insecure = true},
                                                           {}, *store);
  auto world = std::make_shared<comm::CommonWorld>(group);

  Settings whole = settings;
  whole.batch = settings.batch * settings.ranks;
  Nets nets = build(whole);
  ThreadPool pool({.threads = 1});
  Workspace workspace;
  run_once(nets.init, workspace, pool);
  feed(settings, workspace);
  comm::put_world(world, workspace.slot("common_world").blob);

  double scale = 0;
  bool communicates = false;
  Emulated::Device device;
  double backward = 0;
  int unmeasured = 0;
  SessionOptions options;
  options.compile.buckets = {.bytes = static_cast<size_t>(settings.bucket_mib * (1 << 20)),
                             .first = static_cast<size_t>(settings.first_mib * (1 << 20)),
                             .last = static_cast<size_t>(settings.last_mib * (1 << 20))};
  options.compile.unroll = {.steps = settings.unroll, .fed = kFed};
  options.compile.replace_kernel = [&](const graph::Op& op,
                                       std::unique_ptr<Kernel> kernel) -> std::unique_ptr<Kernel> {
    if (op.schema->is_collective()) {
      return std::make_unique<Switched>(std::move(kernel), communicates);
    }
    const auto found = profile.find(key_of(op));
    if (found == profile.end()) ++unmeasured;
    const double time = found == profile.end() ? 0 : found->second;
    if (op.name.find("_grad") != std::string::npos) backward += time;
    return std::make_unique<Emulated>(device, scale, time);
  };
  const NetDef net = data_parallel(nets.train, settings.ranks);
  Session session(net, workspace, pool, options);
  const Plan& plan = session.plan();

  const auto time_step = [&](bool computes, bool communicates_now) {
    scale = computes ? settings.dilate : 0;
    communicates = communicates_now;
    group->barrier();
    const auto begin = Clock::now();
    session.run();
    return std::chrono::duration<double>(Clock::now() - begin).count() / settings.unroll;
  };
  std::vector<double> compute_steps;
  std::vector<double> comm_steps;
  std::vector<double> steps;
  for (int i = -1; i < settings.steps; ++i) {
    const double a = time_step(true, false);
    const double b = time_step(false, true);
    const double c = time_step(true, true);
    if (i < 0) continue;  // a warm-up
    compute_steps.push_back(a);
    comm_steps.push_back(b);
    steps.push_back(c);
  }

  size_t bytes = 0;
  size_t last = 0;
  for (const graph::OpId id : plan.tickets) {
    if (plan.graph.ops[static_cast<size_t>(id)].type() != graph::kBucketType) continue;
    last = plan.nodes[static_cast<size_t>(id)].collective.bytes;
    bytes += last;
  }
  const double without = median(compute_steps);
  const double alone = median(comm_steps);
  const double step = median(steps);
  const double exposed = step - without;
  backward *= settings.dilate / settings.unroll;
  const double hideable = alone * (1 - static_cast<double>(last) / static_cast<double>(bytes));
  const double unhidden = std::max(0.0, exposed - (alone - hideable));
  return {{"model", settings.model},
          {"ranks", settings.ranks},
          {"collectives", plan.tickets.size() / static_cast<size_t>(settings.unroll)},
          {"gradient_bytes", bytes / static_cast<size_t>(settings.unroll)},
          {"last_bucket_bytes", last},
          {"operators_without_a_time", unmeasured},
          {"steps_per_run", settings.unroll},
          {"backward_s", backward},
          {"compute_step_s", without},
          {"communication_s", alone},
          {"communication_over_backward", alone / backward},
          {"step_s", step},
          {"step_over_compute", step / without},
          {"exposed_s", exposed},
          {"hidden_of_hideable", 1 - unhidden / hideable}};
}

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("How much of its communication a data-parallel training step hides");
  app.option_defaults()->always_capture_default();
  app.add_option("--model", settings.model, "Model to train");
  app.add_option("--batch", settings.batch, "Samples per rank");
  auto* measured =
      app.add_option("--measure", settings.measure,
                     "Run the real net alone, write the time of each operator to this file, stop");
  app.add_option("--profile", settings.profile, "File with the times")->excludes(measured);
  app.add_option("--ranks", settings.ranks, "Ranks")->check(CLI::Range(2, 4096));
  app.add_option("--rank", settings.rank, "Which one this is");
  app.add_option("--store", settings.store,
                 "Where ranks meet: file:DIR, tcp:HOST:PORT, redis:HOST");
  app.add_option("--addr", settings.address, "Address of this rank, for the others");
  app.add_option("--dilate", settings.dilate, "Computing takes so many times as long");
  app.add_option("--steps", settings.steps, "Steps of each kind, after one warm-up");
  app.add_option("--unroll", settings.unroll, "Steps in one run; all times are those of one");
  app.add_option("--bucket", settings.bucket_mib,
                 "MiB of gradients after which a bucket is closed");
  app.add_option("--first", settings.first_mib, "The same of the first bucket");
  app.add_option("--last", settings.last_mib, "MiB of the last bucket, at most");
  CLI11_PARSE(app, argc, argv);
  if (!settings.measure.empty()) {
    std::ofstream file(settings.measure);
    file << nlohmann::json(measure(settings)).dump(1) << '\n';
    file.close();
    require(file.good(), ErrorCode::kIo, "cannot write '{}'", settings.measure);
    return 0;
  }
  require(!settings.profile.empty() && !settings.store.empty(), ErrorCode::kInvalidArgument,
          "a rank needs --profile (from --measure) and --store");
  std::ifstream file(settings.profile);
  require(file.good(), ErrorCode::kIo, "cannot read '{}'", settings.profile);
  const nlohmann::json result = run_rank(settings, nlohmann::json::parse(file).get<Profile>());
  if (settings.rank == 0) std::cout << result.dump(2) << '\n';
  return 0;
}

}  // namespace
}  // namespace headrace

int main(int argc, char** argv) {
  return headrace::bench::guarded_main([&] { return headrace::run(argc, argv); });
}
