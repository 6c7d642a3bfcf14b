#include "graph/plan_runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "core/rng.h"
#include "graph/passes.h"
#include "graph/plan_check.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

/// Names of the workspace that a net touches.
struct NetNames {
  std::set<std::string> reads;   // before it writes them, if it does
  std::set<std::string> leaves;  // what it writes and does not keep to itself
};

/// Of a graph without types, in which what is read and written may not count as state: it is an
/// output then.
NetNames names_of(const graph::Graph& graph, const graph::ReadableNames& readable) {
  NetNames names;
  const graph::Interface interface = graph::find_interface(graph, readable);
  for (const auto& [name, value, state] : interface.inputs) {
    names.reads.insert(name);
    if (state) names.leaves.insert(name);
  }
  for (const auto& [name, value] : interface.outputs) names.leaves.insert(name);
  return names;
}

/// Those of some names that a net writes.
std::vector<std::string> written(const graph::Graph& graph, const std::set<std::string>& names) {
  std::vector<std::string> found;
  for (const auto& [name, slot] : graph.slots) {
    if (slot.last != slot.first && names.contains(name)) found.push_back(name);
  }
  return found;
}

void collect_stop_blobs(const ExecutionStep& step, std::set<std::string>& names) {
  if (step.has_should_stop_blob()) names.insert(step.should_stop_blob());
  for (const ExecutionStep& substep : step.substep()) collect_stop_blobs(substep, names);
}

/// Keeps nets that run side by side from each other's blobs: one that touches what another one is
/// writing waits. (Leases of slots do not wait, they fail.)
class SlotTurns {
  /// A net that waits to write keeps those that come later out: readers that follow each other
  /// without end would never let it in.
  class Lock {
   public:
    void take(bool exclusive) {
      const std::lock_guard in_line(line_);
      exclusive ? content_.lock() : content_.lock_shared();
    }
    void release(bool exclusive) { exclusive ? content_.unlock() : content_.unlock_shared(); }

   private:
    std::mutex line_;
    std::shared_mutex content_;
  };

 public:
  /// A held turn at all slots of a workspace that a net touches.
  class Turn {
   public:
    Turn(SlotTurns& turns, const Workspace& workspace, const NetNames& names) {
      for (const std::string& name : names.reads) held_[turns.lock_of(workspace, name)] = false;
      for (const std::string& name : names.leaves) held_[turns.lock_of(workspace, name)] = true;
      held_.erase(nullptr);
      for (const auto& [lock, exclusive] : held_) lock->take(exclusive);
    }
    ~Turn() {
      for (const auto& [lock, exclusive] : held_) lock->release(exclusive);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    std::map<Lock*, bool> held_;  // in one order for all: nobody waits in a circle
  };

 private:
  /// Null for a name that no net of the workspace reads or leaves.
  Lock* lock_of(const Workspace& workspace, const std::string& name) {
    const Slot* slot = workspace.find(name);
    if (slot == nullptr) return nullptr;
    const std::lock_guard lock(mutex_);
    return &locks_[slot];
  }

  std::mutex mutex_;
  std::map<const Slot*, Lock> locks_;
};

bool runs_side_by_side(const ExecutionStep& step) {
  return step.concurrent_substeps() || std::ranges::any_of(step.substep(), runs_side_by_side);
}

}  // namespace

struct PlanRunner::Impl {
  struct Net {
    const NetDef* def;
    NetNames names;
    SessionOptions options;
  };

  struct Network {
    const Net* net = nullptr;
    SessionOptions options;
    std::unique_ptr<Session> session;
    std::mutex turn;
    uint64_t runs = 0;
  };

  /// A workspace and the nets that run over it: that of the plan, and one for each instance of a
  /// step that makes its own.
  struct Scope {
    Workspace* workspace = nullptr;
    Scope* around = nullptr;
    std::unique_ptr<Workspace> own;
    std::map<std::string, Network> networks;
  };

  /// One instance of a step.
  struct Node {
    const ExecutionStep* step;
    Scope* scope;
    std::vector<std::unique_ptr<Node>> substeps;  // all instances, one instance after the other
    std::vector<std::unique_ptr<Node>> reports;   // substeps with run_every_ms
  };

  /// What is repeated in intervals while a step runs, on the way and once at its end; `outer` is
  /// the next one, of the same step or of a step around it.
  struct Reporter {
    Reporter* outer;
    std::function<void()> act;
    Clock::duration interval;
    Clock::time_point next = Clock::now() + interval;
  };

  Impl(const PlanDef& the_plan, Workspace& workspace, ThreadPool& pool,
       const SessionOptions& options, std::function<void(Session&)> before_run)
      : plan(std::make_unique<PlanDef>(the_plan)), pool(pool), before_run(std::move(before_run)) {
    graph::check_plan(*plan, options.compile.warn);
    choose_options(options);
    Scope& outside = scopes.emplace_back();
    outside.workspace = &workspace;
    for (const ExecutionStep& step : plan->execution_step()) {
      steps.push_back(make_node(step, outside));
      side_by_side |= runs_side_by_side(step);
    }
    require(options.run.trace == nullptr || !side_by_side, ErrorCode::kUnsupported,
            "a timeline shows one run of a net after the other, and plan '{}' has steps that run "
            "side by side (concurrent_substeps)",
            plan->name());
  }

  /// What each net leaves readable for the others, and its losses.
  void choose_options(const SessionOptions& options) {
    std::set<std::string> wanted(options.compile.readable.names.begin(),
                                 options.compile.readable.names.end());
    for (const ExecutionStep& step : plan->execution_step()) collect_stop_blobs(step, wanted);
    std::vector<graph::Graph> graphs;
    for (const NetDef& net : plan->network()) {
      graphs.push_back(graph::build_graph(net, {.strict = options.strict}));
      for (const auto& [name, slot] : graphs.back().slots) {
        if (slot.first != graph::kNone) wanted.insert(name);
      }
    }
    for (int i = 0; i < plan->network_size(); ++i) {
      const NetDef& net = plan->network(i);
      SessionOptions own = options;
      own.compile.readable.names = written(graphs[i], wanted);
      std::set<std::string> losses(options.compile.finite.begin(), options.compile.finite.end());
      for (std::string& loss : read_roles(net).losses) losses.insert(std::move(loss));
      own.compile.finite = written(graphs[i], losses);
      NetNames names = names_of(graphs[i], own.compile.readable);
      nets.emplace(net.name(), Net{&net, std::move(names), std::move(own)});
    }
  }

  std::unique_ptr<Node> make_node(const ExecutionStep& step, Scope& around) {
    auto node = std::make_unique<Node>(Node{.step = &step, .scope = &around});
    if (step.create_workspace()) {
      node->scope = &scopes.emplace_back();
      node->scope->around = &around;
      node->scope->own = std::make_unique<Workspace>(around.workspace);
      node->scope->workspace = node->scope->own.get();
    }
    if (step.has_report_net()) add_network(step.report_net(), *node->scope);
    for (const std::string& name : step.network()) add_network(name, *node->scope);
    for (int i = 0; i < std::max(1, step.num_concurrent_instances()); ++i) {
      for (const ExecutionStep& substep : step.substep()) {
        auto& list = substep.has_run_every_ms() ? node->reports : node->substeps;
        list.push_back(make_node(substep, *node->scope));
      }
    }
    return node;
  }

  void add_network(const std::string& name, Scope& scope) {
    Network& network = scope.networks[name];
    if (network.net != nullptr) return;
    const Net& net = nets.at(name);
    network.net = &net;
    network.options = net.options;
    // Nets and instances draw numbers of their own.
    const uint64_t instance = scopes.size() - 1;
    uint64_t& seed = network.options.run.seed;
    seed = Rng(seed, random_key(name), instance).bits(0);
    // Outside, what is wrong with a net is found before anything runs. Inside, its names are those
    // of the blobs that are there when the step begins.
    if (scope.own == nullptr) make_session(network, scope);
  }

  void make_session(Network& network, const Scope& scope) {
    auto session =
        std::make_unique<Session>(*network.net->def, *scope.workspace, pool, network.options);
    // Turns are taken at slots: those of what the net is the first to write have to be there too.
    for (const std::string& name : network.net->names.leaves) scope.workspace->slot(name);
    const std::lock_guard lock(sessions_mutex);
    network.session = std::move(session);
  }

  /// Empties a workspace of a step's own, or makes it again where names in it now stand outside.
  void begin(Scope& scope) {
    Workspace* const outer = scope.around->workspace;
    if (scope.own->outer() == outer && !scope.own->hides_outer()) return scope.own->clear();
    const std::lock_guard lock(sessions_mutex);
    for (auto& [name, network] : scope.networks) network.session.reset();
    scope.own = std::make_unique<Workspace>(outer);
    scope.workspace = scope.own.get();
  }

  void run(Node& node, Reporter* reporter) {
    const ExecutionStep& step = *node.step;
    if (step.create_workspace()) begin(*node.scope);
    std::deque<Reporter> own;
    const auto repeat = [&](std::function<void()> act, Clock::duration interval) {
      reporter = &own.emplace_back(Reporter{reporter, std::move(act), interval});
    };
    if (step.has_report_net()) {
      Network& network = node.scope->networks.at(step.report_net());
      repeat([&] { run(network, *node.scope); }, std::chrono::seconds(step.report_interval()));
    }
    for (const auto& report : node.reports) {
      repeat([&] { run(*report, nullptr); },
             std::chrono::milliseconds(report->step->run_every_ms()));
    }
    const bool endless = step.has_should_stop_blob() && !step.only_once();
    const int64_t rounds = step.has_num_iter() ? step.num_iter() : 1;
    for (int64_t i = 0; endless || i < rounds; ++i) {
      if (run_round(node, reporter)) break;
    }
    for (Reporter& last : own) last.act();
  }

  /// Returns whether the step is to stop.
  bool run_round(Node& node, Reporter* reporter) {
    check_cancelled();
    if (node.step->concurrent_substeps()) {
      run_side_by_side(node);
      report(reporter);
      return is_to_stop(node);
    }
    for (const auto& substep : node.substeps) {
      run(*substep, reporter);
      if (is_to_stop(node)) return true;
    }
    for (const std::string& name : node.step->network()) {
      run(node.scope->networks.at(name), *node.scope);
      report(reporter);
      if (is_to_stop(node)) return true;
    }
    return false;
  }

  void run(Network& network, const Scope& scope) {
    check_cancelled();
    const std::lock_guard turn(network.turn);
    std::optional<SlotTurns::Turn> slots;
    if (network.session == nullptr) make_session(network, scope);
    if (side_by_side) slots.emplace(slot_turns, *scope.workspace, network.net->names);
    if (before_run) before_run(*network.session);
    network.session->run(network.runs++);
  }

  static void report(Reporter* reporter) {
    for (; reporter != nullptr; reporter = reporter->outer) {
      if (Clock::now() < reporter->next) continue;
      reporter->act();
      reporter->next = Clock::now() + reporter->interval;
    }
  }

  /// Reports wait for the end of the round: no other thread may see half of what a net writes.
  void run_side_by_side(Node& node) {
    std::mutex mutex;
    std::exception_ptr first;
    {
      std::vector<std::jthread> threads;
      for (const auto& substep : node.substeps) {
        threads.emplace_back([&, substep = substep.get()] {
          try {
            run(*substep, nullptr);
          } catch (...) {
            const std::lock_guard lock(mutex);
            if (first != nullptr) return;
            first = std::current_exception();
            cancel();
          }
        });
      }
    }
    if (first != nullptr) std::rethrow_exception(first);
  }

  bool is_to_stop(const Node& node) {
    const ExecutionStep& step = *node.step;
    if (!step.has_should_stop_blob()) return false;
    const Workspace& workspace = *node.scope->workspace;
    const SlotTurns::Turn turn(slot_turns, workspace, {.reads = {step.should_stop_blob()}});
    const Tensor stop = workspace.fetch(step.should_stop_blob());
    require(stop.dtype() == DType::kBool && stop.numel() == 1, ErrorCode::kTypeMismatch,
            "step '{}' stops by '{}', which must be one bool and is {}", step.name(),
            step.should_stop_blob(), stop.desc().to_string());
    return stop.item<bool>();
  }

  void check_cancelled() const {
    require(!cancelled.load(), ErrorCode::kCancelled, "plan '{}' was cancelled", plan->name());
  }

  void cancel() {
    cancelled.store(true);
    const std::lock_guard lock(sessions_mutex);
    for (Scope& scope : scopes) {
      for (auto& [name, network] : scope.networks) {
        if (network.session != nullptr) network.session->cancel();
      }
    }
  }

  std::unique_ptr<PlanDef> plan;
  ThreadPool& pool;
  std::function<void(Session&)> before_run;
  std::map<std::string, Net> nets;
  std::deque<Scope> scopes;  // the one of the plan first
  std::vector<std::unique_ptr<Node>> steps;
  bool side_by_side = false;  // some step does
  SlotTurns slot_turns;
  std::mutex sessions_mutex;  // guards the pointers to Sessions from cancel()
  std::atomic<bool> cancelled{false};
};

PlanRunner::PlanRunner(const PlanDef& plan, Workspace& workspace, ThreadPool& pool,
                       const SessionOptions& options, std::function<void(Session&)> before_run)
    : impl_(std::make_unique<Impl>(plan, workspace, pool, options, std::move(before_run))) {}

PlanRunner::~PlanRunner() = default;

void PlanRunner::run() {
  impl_->cancelled.store(false);
  for (const auto& step : impl_->steps) impl_->run(*step, nullptr);
}

void PlanRunner::cancel() { impl_->cancel(); }

}  // namespace headrace
