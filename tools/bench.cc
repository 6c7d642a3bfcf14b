#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "graph/session.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/environment.h"
#include "tools/nets/loaded_net.h"
#include "tools/nets/net_flags.h"
#include "tools/profile.h"
#include "tools/text/statistics.h"
#include "tools/text/table.h"
#include "tools/text/units.h"
#include "tools/timeline.h"

namespace headrace::tools {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

struct BenchFlags {
  NetFlags net;
  ExecutionFlags execution;
  int iterations = 50;
  int warmup = 10;
  int profiled = 20;
  bool json = false;
};

struct Measurement {
  std::string net;
  std::vector<double> seconds;  // of each iteration
  int64_t samples = 0;          // per iteration; 0 where unknown
  Profile profile;
  std::shared_ptr<const Plan> plan;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// How many samples an iteration takes: the first dimension of what is fed.
int64_t samples_per_iteration(const LoadedNet& net, const NetFlags& flags,
                              const Workspace& workspace) {
  std::vector<std::string> fed = net.roles().data;
  for (const NamedValue& input : parse_named(flags.inputs, "--input")) fed.push_back(input.name);
  for (const std::string& name : fed) {
    const Slot* slot = workspace.find(name);
    if (slot == nullptr || !slot->blob.is_tensor()) continue;
    const Shape& shape = slot->blob.tensor().shape();
    if (shape.rank() > 0) return shape[0];
  }
  return 0;
}

Measurement measure(const BenchFlags& flags) {
  LoadedNet net(flags.net);
  ThreadPool pool(flags.execution.pool());
  Workspace workspace;
  net.fill(workspace, pool, flags.execution.seed, LoadedNet::Missing::kMakeUp);
  Measurement result{.net = net.net().name(),
                     .samples = samples_per_iteration(net, flags.net, workspace)};
  SessionOptions options = flags.execution.session(pool);
  uint64_t step = 0;
  {
    Session session(net.net(), workspace, pool, options);
    for (int i = 0; i < flags.warmup; ++i) session.run(step++);
    for (int i = 0; i < flags.iterations; ++i) {
      const auto start = Clock::now();
      session.run(step++);
      result.seconds.push_back(seconds_since(start));
    }
    result.plan = session.plan().shared_from_this();
  }
  if (flags.profiled > 0) {
    // Runs of their own, so that reading the clock at every operator is not in the latencies.
    Timeline timeline(pool, {.separate_stamps = true});
    options.run.trace = &timeline.recorder();
    options.compile.warn = nullptr;  // has warned before
    Session session(net.net(), workspace, pool, options);
    for (int i = 0; i < flags.profiled; ++i) {
      timeline.will_run(session);
      session.run(step++);
    }
    result.profile = timeline.profile();
  }
  return result;
}

double per_second(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

void print_profile(const Profile& profile) {
  using enum Table::Align;
  Table operators({{"#", kRight},
                   {"type"},
                   {"name"},
                   {"width", kRight},
                   {"time", kRight},
                   {"share", kRight},
                   {"GFLOP/s", kRight},
                   {"GB/s", kRight}});
  const auto share = [&](double seconds) {
    return fmt::format("{:.1f} %", 100 * per_second(seconds, profile.operator_seconds));
  };
  for (const OperatorTime& op : profile.operators) {
    operators.add({std::to_string(op.node), op.type, op.name, std::to_string(op.width),
                   duration_text(op.seconds), share(op.seconds),
                   fmt::format("{:.1f}", per_second(op.cost.flops, op.seconds) / 1e9),
                   fmt::format("{:.1f}", per_second(op.cost.bytes, op.seconds) / 1e9)});
  }
  Table types({{"type"},
               {"count", kRight},
               {"time", kRight},
               {"share", kRight},
               {"GFLOP/s", kRight},
               {"GB/s", kRight}});
  for (const TypeTime& type : profile.types) {
    types.add({type.type, std::to_string(type.count), duration_text(type.seconds),
               share(type.seconds),
               fmt::format("{:.1f}", per_second(type.cost.flops, type.seconds) / 1e9),
               fmt::format("{:.1f}", per_second(type.cost.bytes, type.seconds) / 1e9)});
  }
  fmt::print("\noperators, mean of {} after those\n{}\ntypes\n{}",
             plural(profile.runs, "iteration"), operators.to_string(), types.to_string());
}

void print(const Measurement& result) {
  const Statistics latency = statistics_of(result.seconds);
  fmt::print("net '{}', {}, {}\n", result.net, plural(result.plan->options.threads, "thread"),
             plural(static_cast<int64_t>(result.seconds.size()), "iteration"));
  fmt::print("latency     median {}, mean {} +- {}, min {}, max {}\n",
             duration_text(latency.median), duration_text(latency.mean),
             duration_text(latency.deviation), duration_text(latency.min),
             duration_text(latency.max));
  fmt::print("            p90 {}, p95 {}, p99 {}, p99.9 {}\n", duration_text(latency.p90),
             duration_text(latency.p95), duration_text(latency.p99), duration_text(latency.p999));
  fmt::print("throughput  {:.2f} iterations/s", per_second(1, latency.mean));
  if (result.samples > 0) {
    fmt::print(", {:.2f} samples/s ({} per iteration)",
               per_second(static_cast<double>(result.samples), latency.mean),
               count_text(result.samples));
  }
  fmt::print("\nmemory      arena {}, peak of the process {}\n",
             bytes_text(static_cast<double>(result.plan->storage.arena_bytes())),
             bytes_text(static_cast<double>(peak_memory())));
  fmt::print("compiled in {}\n", duration_text(result.plan->compile_ms * 1e-3));
  if (result.profile.runs > 0) print_profile(result.profile);
}

Json to_json(const Statistics& s) {
  return {{"min", s.min},    {"mean", s.mean}, {"median", s.median},
          {"p90", s.p90},    {"p95", s.p95},   {"p99", s.p99},
          {"p99.9", s.p999}, {"max", s.max},   {"deviation", s.deviation}};
}

Json to_json(const Profile& profile) {
  Json operators = Json::array();
  for (const OperatorTime& op : profile.operators) {
    operators.push_back({{"node", op.node},
                         {"type", op.type},
                         {"name", op.name},
                         {"width", op.width},
                         {"seconds", op.seconds},
                         {"flops", op.cost.flops},
                         {"bytes", op.cost.bytes}});
  }
  Json types = Json::array();
  for (const TypeTime& type : profile.types) {
    types.push_back({{"type", type.type},
                     {"count", type.count},
                     {"seconds", type.seconds},
                     {"flops", type.cost.flops},
                     {"bytes", type.cost.bytes}});
  }
  return {{"runs", profile.runs},
          {"operator_seconds", profile.operator_seconds},
          {"run_seconds", profile.run_seconds},
          {"operators", operators},
          {"types", types}};
}

void print_json(const Measurement& result, const BenchFlags& flags) {
  const Statistics latency = statistics_of(result.seconds);
  Json report = {{"net", result.net},
                 {"threads", result.plan->options.threads},
                 {"pinned", flags.execution.pin},
                 {"executor", flags.execution.executor},
                 {"warmup", flags.warmup},
                 {"latency_seconds", to_json(latency)},
                 {"iteration_seconds", result.seconds},
                 {"iterations_per_second", per_second(1, latency.mean)},
                 {"arena_bytes", result.plan->storage.arena_bytes()},
                 {"peak_bytes", peak_memory()},
                 {"compile_seconds", result.plan->compile_ms * 1e-3},
                 {"environment", environment()}};
  if (result.samples > 0) {
    report["samples_per_iteration"] = result.samples;
    report["samples_per_second"] = per_second(static_cast<double>(result.samples), latency.mean);
  }
  if (result.profile.runs > 0) report["profile"] = to_json(result.profile);
  fmt::print("{}\n", report.dump(2, ' ', false, Json::error_handler_t::replace));
}

int bench(const BenchFlags& flags) {
  const Measurement result = measure(flags);
  if (flags.json) {
    print_json(result, flags);
  } else {
    print(result);
  }
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<BenchFlags>();
  flags->net.add_to(app);
  app.add_option("--iterations", flags->iterations, "Iterations that are timed")
      ->check(whole_number(1));
  app.add_option("--warmup", flags->warmup, "Iterations before, not timed")->check(whole_number(0));
  app.add_option("--profiled", flags->profiled,
                 "Iterations after, for the tables of operators and types; 0: no tables")
      ->check(whole_number(0));
  app.add_flag("--json", flags->json, "Print one JSON object, all samples included");
  flags->execution.add_to(app);
  return [flags] { return bench(*flags); };
}

const RegisterCommand kBench("bench", "Measure how fast a net runs", set_up);

}  // namespace
}  // namespace headrace::tools
