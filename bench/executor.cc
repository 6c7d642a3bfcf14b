// What the executor adds to the nodes of a graph, beside oneTBB's flow graph and task group: graphs
// whose nodes do nothing, and graphs whose nodes take 1 us on two threads. All contenders take
// turns in one process on pinned threads.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/executor_parts/contenders.h"
#include "bench/executor_parts/copies.h"
#include "bench/guarded_main.h"

namespace headrace::bench {
namespace {

using nlohmann::ordered_json;

struct Settings {
  int rounds = 300;
  bool json = false;
  bool check = false;
  std::string edges_folder;
};

/// Counts its runs; takes about `ticks` of the clock, or no time.
class Node final : public NodeRunner {
 public:
  Node(int nodes, double ns, double ns_per_tick)
      : runs_(static_cast<std::size_t>(nodes), 0),
        ticks_(static_cast<std::uint64_t>(ns / ns_per_tick)) {}

  void run(int node, int) override { once(node); }

  void once(int node) {
    ++runs_[node];
    if (ticks_ == 0) return;
    const std::uint64_t end = TraceClock::now() + ticks_;
    while (TraceClock::now() < end) {
    }
  }

  /// Fails unless every node ran that often.
  void require_runs(int expected, const std::string& who) const {
    for (std::size_t n = 0; n < runs_.size(); ++n) {
      require(runs_[n] == expected, ErrorCode::kInternal, "{} ran node {} {} times instead of {}",
              who, n, runs_[n], expected);
    }
  }

 private:
  std::vector<int> runs_;
  const std::uint64_t ticks_;
};

/// ns per node of each round.
struct Times {
  std::string name;
  int threads;
  std::vector<double> ns;
  double min() const { return ns.front(); }
  double median() const { return ns[ns.size() / 2]; }
};

/// A contender with a node of its own, so that its runs can be counted.
struct Entry {
  std::unique_ptr<Node> node;
  Contender contender;
};

/// Everybody runs once per round, so that whatever else the machine does meets all alike.
std::vector<Times> take_turns(std::vector<Entry>& entries, int nodes, int rounds) {
  std::vector<Times> times;
  for (Entry& entry : entries) {
    times.push_back({entry.contender.name, entry.contender.threads, {}});
    for (int i = 0; i < 3; ++i) entry.contender.step();
  }
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      // Once to have it in the cache, then for the clock.
      entries[i].contender.step();
      const auto begin = std::chrono::steady_clock::now();
      entries[i].contender.step();
      const auto end = std::chrono::steady_clock::now();
      times[i].ns.push_back(std::chrono::duration<double, std::nano>(end - begin).count() / nodes);
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].node->require_runs(3 + 2 * rounds, times[i].name);
    std::ranges::sort(times[i].ns);
  }
  return times;
}

class Bench {
 public:
  explicit Bench(const Settings& settings)
      : settings_(settings),
        cpus_(ThreadPool().threads()),
        pool_({.threads = std::min(2, cpus_), .pin = true}) {
    ns_per_tick_ = TraceRecorder({}).calibrate().ns_per_tick;
  }

  void run() {
    report_["pinned_cpus"] = pool_.threads();
    report_["rounds"] = settings_.rounds;
    if (cpus_ < 2) std::cerr << "bench: one CPU only; what needs two is left out\n";
    for (const Dag& dag : {chain(1024), fan(1024), random_dag(1024, 2471, 7), ResNet50::make()}) {
      if (!settings_.edges_folder.empty()) {
        dag.write((std::filesystem::path(settings_.edges_folder) / (dag.name + ".txt")).string());
      }
      measure(dag);
    }
    report_["targets"] = targets_;
    if (settings_.json) std::cout << report_.dump(2) << '\n';
  }

  bool all_met() const { return all_met_; }

 private:
  /// The loop below calls a node through its interface, as an executor does.
  static NodeRunner& opaque(Node& node) {
    NodeRunner* runner = &node;
    asm volatile("" : "+r"(runner));
    return *runner;
  }

  template <typename Make>
  void add(std::vector<Entry>& entries, const Dag& dag, double ns, Make make) {
    auto node = std::make_unique<Node>(dag.nodes, ns, ns_per_tick_);
    Contender contender = make(opaque(*node), *node);
    entries.push_back({std::move(node), std::move(contender)});
  }

  void measure(const Dag& dag) {
    // A node that does nothing takes a nanosecond or less; nothing is worth moving then.
    const Schedule no_op = dag.schedule(1);
    const Schedule one_us = dag.schedule(1000);
    const bool two = pool_.threads() == 2;
    std::vector<std::pair<int, int>> edges;
    for (const ScheduleEdge& edge : dag.edges) edges.emplace_back(edge.from, edge.to);

    std::vector<Entry> entries;
    const auto own = [&](std::string name, const Schedule& schedule, ExecutorOptions options,
                         double ns, bool traced) {
      add(entries, dag, ns, [&](NodeRunner& runner, Node&) {
        return ours(std::move(name), schedule, runner, pool_, options,
                    traced
                        ? std::make_shared<TraceRecorder>(TraceOptions{.workers = pool_.threads()})
                        : nullptr);
      });
    };
    const auto copy = [&](std::string name, auto make_step) {
      add(entries, dag, 0, [&](NodeRunner&, Node& node) {
        return Contender{
            std::move(name), 1,
            make_step(CopyInput{
                dag.nodes, edges, 1,
                [](void* argument, int n) { static_cast<Node*>(argument)->once(n); }, &node})};
      });
    };
    add(entries, dag, 0, [&](NodeRunner& r, Node&) { return straight_loop(no_op, r); });
    own("headrace", no_op, {.width = 1}, 0, false);
    own("headrace, serial", no_op, {.width = 1, .serial = true}, 0, false);
    own("headrace, traced", no_op, {.width = 1}, 0, true);
    copy("copy, trace off", make_step_with_trace);
    copy("copy without trace", make_step_without_trace);
    add(entries, dag, 0, [&](NodeRunner& r, Node&) { return flow_graph(dag, r, 1); });
    add(entries, dag, 0, [&](NodeRunner& r, Node&) { return task_group(dag, r, 1); });
    if (two) {
      own("headrace", no_op, {.width = 2}, 0, false);
      own("headrace, taken for 1 us", one_us, {.width = 2}, 0, false);
      own("headrace, traced", no_op, {.width = 2}, 0, true);
      add(entries, dag, 0, [&](NodeRunner& r, Node&) { return flow_graph(dag, r, 2); });
      add(entries, dag, 0, [&](NodeRunner& r, Node&) { return task_group(dag, r, 2); });
    }
    const std::vector<Times> idle = take_turns(entries, dag.nodes, settings_.rounds);

    entries.clear();
    add(entries, dag, 1000, [&](NodeRunner& r, Node&) { return straight_loop(one_us, r); });
    own("headrace", one_us, {.width = 1}, 1000, false);
    if (two) {
      own("headrace", one_us, {.width = 2}, 1000, false);
      add(entries, dag, 1000, [&](NodeRunner& r, Node&) { return flow_graph(dag, r, 2); });
      add(entries, dag, 1000, [&](NodeRunner& r, Node&) { return task_group(dag, r, 2); });
    }
    const std::vector<Times> busy = take_turns(entries, dag.nodes, settings_.rounds);

    const double bound =
        std::max(no_op.critical_path_ns, no_op.total_ns / 2) / no_op.total_ns;  // two threads
    if (!settings_.json) {
      fmt::print("\n{}: {} nodes, {} edges; two threads take at least {:.3f} of one\n", dag.name,
                 dag.nodes, dag.edges.size(), bound);
    }
    ordered_json& entry = report_["graphs"].emplace_back();
    entry["name"] = dag.name;
    entry["nodes"] = dag.nodes;
    entry["edges"] = dag.edges.size();
    entry["bound_of_two_threads"] = bound;
    entry["ns_per_node_that_does_nothing"] = list("nodes that do nothing", idle);
    entry["ns_per_node_of_1us"] = list("nodes of 1 us", busy);
    judge(dag, idle, busy);
  }

  ordered_json list(const char* title, const std::vector<Times>& times) {
    ordered_json rows = ordered_json::array();
    if (!settings_.json) fmt::print("  {:<26} threads   min ns  median\n", title);
    for (const Times& t : times) {
      rows.push_back(
          {{"name", t.name}, {"threads", t.threads}, {"min", t.min()}, {"median", t.median()}});
      if (!settings_.json) {
        fmt::print("    {:<24} {:>7} {:>8.2f} {:>7.2f}\n", t.name, t.threads, t.min(), t.median());
      }
    }
    return rows;
  }

  static double min_of(const std::vector<Times>& times, std::string_view name, int threads) {
    for (const Times& t : times) {
      if (t.name == name && t.threads == threads) return t.min();
    }
    fail(ErrorCode::kInternal, "nobody measured '{}' on {} threads", name, threads);
  }

  /// One claim about minima: `value` must be at most, or at least, `limit`.
  void target(const std::string& graph, const std::string& what, double value, bool at_most,
              double limit) {
    const bool met = at_most ? value <= limit : value >= limit;
    all_met_ = all_met_ && met;
    targets_.push_back({{"graph", graph},
                        {"what", what},
                        {"value", value},
                        {at_most ? "at_most" : "at_least", limit},
                        {"met", met}});
    if (!settings_.json) {
      fmt::print("  {:<46} {:>8.3f} {} {:<6} {}\n", what, value, at_most ? "<=" : ">=", limit,
                 met ? "met" : "MISSED");
    }
  }

  void judge(const Dag& dag, const std::vector<Times>& idle, const std::vector<Times>& busy) {
    struct Limits {
      const char* name;
      double ns;
      double times_cheaper;
      std::optional<double> of_serial;
    };
    static const Limits all[] = {{"chain", 6, 4, {}},
                                 {"fan", 12, 4, 0.54},
                                 {"random", 18, 2.5, 0.54},
                                 {"resnet50", 12, 4, {}}};
    const Limits& limits = *std::ranges::find_if(
        all, [&](const Limits& candidate) { return dag.name == candidate.name; });
    const double one = min_of(idle, "headrace", 1);
    target(dag.name, "dispatch, ns per node", one, true, limits.ns);
    target(dag.name, "times cheaper than flow graph, 1 thread",
           min_of(idle, "tbb::flow::graph", 1) / one, false, limits.times_cheaper);
    target(dag.name, "trace on, ns more per node", min_of(idle, "headrace, traced", 1) - one, true,
           15);
    target(dag.name, "trace off, ns more than without it",
           min_of(idle, "copy, trace off", 1) - min_of(idle, "copy without trace", 1), true, 0.5);
    if (pool_.threads() < 2) return;
    target(dag.name, "two threads, times one", min_of(idle, "headrace", 2) / one, true, 1.3);
    if (limits.of_serial) {
      target(dag.name, "1 us nodes, two threads, of the plain loop",
             min_of(busy, "headrace", 2) / min_of(busy, "loop", 1), true, *limits.of_serial);
    }
  }

  const Settings settings_;
  const int cpus_;
  ThreadPool pool_;
  double ns_per_tick_ = 1;
  ordered_json report_;
  ordered_json targets_ = ordered_json::array();
  bool all_met_ = true;
};

int run(int argc, char** argv) {
  Settings settings;
  CLI::App app("What the executor adds to the nodes of a graph, in ns per node");
  app.option_defaults()->always_capture_default();
  app.add_option("--rounds", settings.rounds, "Measured runs of each contender")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--write-edges", settings.edges_folder,
                 "Write each graph into this folder as NAME.txt: a line 'nodes edges', then a line "
                 "'from to' per edge")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--json", settings.json, "Print the figures as JSON");
  app.add_flag("--check", settings.check, "End with status 1 when a target is missed");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  Bench bench(settings);
  bench.run();
  return settings.check && !bench.all_met() ? 1 : 0;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  return headrace::bench::guarded_main([&] { return headrace::bench::run(argc, argv); });
}
