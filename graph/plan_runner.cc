#include "graph/plan_runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "core/text.h"
#include "graph/problems.h"

namespace headrace {
namespace {

using Clock = std::chrono::steady_clock;

/// Everything that is wrong with a plan, in words.
class PlanChecker {
 public:
  explicit PlanChecker(const PlanDef& plan) : problems_(plan.name()) {
    for (const NetDef& net : plan.network()) {
      if (net.name().empty()) problems_.add("a network has no name, and steps call it by name");
      if (!names_.insert(net.name()).second) {
        problems_.add(fmt::format("two networks are named '{}'", net.name()));
      }
    }
    for (const ExecutionStep& step : plan.execution_step()) check(step);
    problems_.throw_if_any();
  }

 private:
  void check(const ExecutionStep& step) {
    const auto say = [&](std::string problem) {
      problems_.add(fmt::format("step '{}' {}", step.name(), problem));
    };
    const auto refuse = [&](bool given, const char* field) {
      require(!given, ErrorCode::kUnsupported, "step '{}' has {}, which headrace does not run",
              step.name(), field);
    };
    refuse(step.has_run_every_ms(), "run_every_ms");
    refuse(step.create_workspace(), "create_workspace");
    refuse(step.num_concurrent_instances() > 1, "num_concurrent_instances");
    refuse(!step.criteria_network().empty(), "criteria_network");
    if (step.substep_size() > 0 && step.network_size() > 0) {
      say("has substeps and networks; it can have either");
    }
    if (step.num_iter() < 0) say(fmt::format("has num_iter {}", step.num_iter()));
    if (step.has_should_stop_blob()) {
      if (step.should_stop_blob().empty()) say("has a should_stop_blob without name");
      if (step.has_num_iter()) say("has num_iter and should_stop_blob; it can have either");
    } else if (step.only_once()) {
      say("has only_once, which is for steps with should_stop_blob");
    }
    if (step.has_report_net()) {
      check_name(step, step.report_net());
      if (step.report_interval() <= 0) {
        say(fmt::format("has report_net and report_interval {}; seconds, at least 1, are expected",
                        step.report_interval()));
      }
    }
    for (const std::string& name : step.network()) check_name(step, name);
    for (const ExecutionStep& substep : step.substep()) check(substep);
  }

  void check_name(const ExecutionStep& step, const std::string& name) {
    if (names_.contains(name)) return;
    const std::vector<std::string> known(names_.begin(), names_.end());
    problems_.add(fmt::format("step '{}' runs net '{}', which the plan does not have{}",
                              step.name(), name, did_you_mean(name, known)));
  }

  graph::Problems problems_;
  std::set<std::string> names_;
};

/// Names that a net reads before it writes them, and all that it writes.
struct NetNames {
  std::set<std::string> reads;
  std::set<std::string> writes;

  explicit NetNames(const graph::Graph& graph) {
    for (const auto& [name, slot] : graph.slots) {
      if (slot.first != graph::kNone) reads.insert(name);
      if (slot.last != slot.first) writes.insert(name);
    }
  }
};

void collect_stop_blobs(const ExecutionStep& step, std::set<std::string>& names) {
  if (step.has_should_stop_blob()) names.insert(step.should_stop_blob());
  for (const ExecutionStep& substep : step.substep()) collect_stop_blobs(substep, names);
}

}  // namespace

struct PlanRunner::Impl {
  struct Network {
    std::unique_ptr<Session> session;
    std::mutex turn;
    uint64_t runs = 0;
  };

  /// A report net while its step runs; `outer` is that of a step around it.
  struct Reporter {
    Reporter* outer;
    Network& network;
    Clock::duration interval;
    Clock::time_point next;
  };

  Impl(const PlanDef& the_plan, Workspace& workspace, ThreadPool& pool,
       const SessionOptions& options)
      : plan(std::make_unique<PlanDef>(the_plan)), workspace(workspace) {
    const PlanChecker check(*plan);
    std::set<std::string> wanted(options.compile.readable.names.begin(),
                                 options.compile.readable.names.end());
    for (const ExecutionStep& step : plan->execution_step()) collect_stop_blobs(step, wanted);
    std::vector<NetNames> names;
    for (const NetDef& net : plan->network()) {
      names.emplace_back(graph::build_graph(net, {.strict = options.strict}));
      wanted.insert(names.back().reads.begin(), names.back().reads.end());
    }
    for (int i = 0; i < plan->network_size(); ++i) {
      SessionOptions own = options;
      own.compile.readable.names.clear();
      std::ranges::set_intersection(names[i].writes, wanted,
                                    std::back_inserter(own.compile.readable.names));
      std::set<std::string> losses(options.compile.finite.begin(), options.compile.finite.end());
      for (std::string& loss : read_roles(plan->network(i)).losses) losses.insert(std::move(loss));
      own.compile.finite.clear();
      std::ranges::set_intersection(names[i].writes, losses,
                                    std::back_inserter(own.compile.finite));
      networks[plan->network(i).name()].session =
          std::make_unique<Session>(plan->network(i), workspace, pool, own);
    }
  }

  void run(const ExecutionStep& step, Reporter* reporter) {
    std::optional<Reporter> own;
    if (step.has_report_net()) {
      const std::chrono::seconds interval(step.report_interval());
      own.emplace(reporter, networks.at(step.report_net()), interval, Clock::now() + interval);
      reporter = &*own;
    }
    const bool endless = step.has_should_stop_blob() && !step.only_once();
    const int64_t rounds = step.has_num_iter() ? step.num_iter() : 1;
    for (int64_t i = 0; endless || i < rounds; ++i) {
      if (run_round(step, reporter)) break;
    }
    if (own) run(own->network);
  }

  /// Returns whether the step is to stop.
  bool run_round(const ExecutionStep& step, Reporter* reporter) {
    check_cancelled();
    if (step.concurrent_substeps()) {
      run_side_by_side(step);
      report(reporter);
      return is_to_stop(step);
    }
    for (const ExecutionStep& substep : step.substep()) {
      run(substep, reporter);
      if (is_to_stop(step)) return true;
    }
    for (const std::string& name : step.network()) {
      run(networks.at(name));
      report(reporter);
      if (is_to_stop(step)) return true;
    }
    return false;
  }

  void run(Network& network) {
    check_cancelled();
    const std::lock_guard turn(network.turn);
    network.session->run(network.runs++);
  }

  void report(Reporter* reporter) {
    for (; reporter != nullptr; reporter = reporter->outer) {
      if (Clock::now() < reporter->next) continue;
      run(reporter->network);
      reporter->next = Clock::now() + reporter->interval;
    }
  }

  /// Reports wait for the end of the round: no other thread may see half of what a net writes.
  void run_side_by_side(const ExecutionStep& step) {
    std::mutex mutex;
    std::exception_ptr first;
    {
      std::vector<std::jthread> threads;
      for (const ExecutionStep& substep : step.substep()) {
        threads.emplace_back([&] {
          try {
            run(substep, nullptr);
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

  bool is_to_stop(const ExecutionStep& step) const {
    if (!step.has_should_stop_blob()) return false;
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
    for (auto& [name, network] : networks) network.session->cancel();
  }

  std::unique_ptr<PlanDef> plan;
  Workspace& workspace;
  std::map<std::string, Network> networks;
  std::atomic<bool> cancelled{false};
};

PlanRunner::PlanRunner(const PlanDef& plan, Workspace& workspace, ThreadPool& pool,
                       SessionOptions options)
    : impl_(std::make_unique<Impl>(plan, workspace, pool, options)) {}

PlanRunner::~PlanRunner() = default;

void PlanRunner::run() {
  impl_->cancelled.store(false);
  for (const ExecutionStep& step : impl_->plan->execution_step()) impl_->run(step, nullptr);
}

void PlanRunner::cancel() { impl_->cancel(); }

}  // namespace headrace
