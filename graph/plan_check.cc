#include "graph/plan_check.h"

#include <algorithm>
#include <set>
#include <vector>

#include "core/proto/net.pb.h"
#include "core/text.h"
#include "graph/problems.h"

namespace headrace::graph {
namespace {

/// Each instance of a step that runs side by side is a thread.
constexpr int kMostInstances = 1024;

class PlanChecker {
 public:
  PlanChecker(const PlanDef& plan, const std::function<void(const std::string&)>& warn)
      : problems_(plan.name()), warn_(warn) {
    for (const NetDef& net : plan.network()) {
      if (net.name().empty()) problems_.add("a network has no name, and steps call it by name");
      if (!names_.insert(net.name()).second) {
        problems_.add(fmt::format("two networks are named '{}'", net.name()));
      }
    }
    for (const ExecutionStep& step : plan.execution_step()) {
      if (step.has_run_every_ms()) warn_of(step, "run_every_ms, which is for substeps");
      check(step);
    }
    problems_.throw_if_any();
  }

 private:
  void check(const ExecutionStep& step) {
    check_rounds(step);
    check_instances(step);
    if (step.substep_size() > 0 && step.network_size() > 0) {
      say(step, "has substeps and networks; it can have either");
    }
    if (step.has_run_every_ms() && step.run_every_ms() < 0) {
      say(step, fmt::format("has run_every_ms {}", step.run_every_ms()));
    }
    if (!step.criteria_network().empty()) {
      warn_of(step, "a criteria_network, which nothing runs; use should_stop_blob");
    }
    if (step.has_report_net()) {
      check_name(step, step.report_net());
      if (step.report_interval() <= 0) {
        say(step,
            fmt::format("has report_net and report_interval {}; seconds, at least 1, are expected",
                        step.report_interval()));
      }
    }
    for (const std::string& name : step.network()) check_name(step, name);
    for (const ExecutionStep& substep : step.substep()) check(substep);
  }

  void check_rounds(const ExecutionStep& step) {
    if (step.num_iter() < 0) say(step, fmt::format("has num_iter {}", step.num_iter()));
    if (step.has_should_stop_blob()) {
      if (step.should_stop_blob().empty()) say(step, "has a should_stop_blob without name");
      if (step.has_num_iter()) say(step, "has num_iter and should_stop_blob; it can have either");
      if (!step.only_once() && !has_turns(step)) {
        say(step,
            fmt::format("would never end: it has should_stop_blob '{}' and no net or substep "
                        "after which that is looked at (those with run_every_ms do not count)",
                        step.should_stop_blob()));
      }
    } else if (step.only_once()) {
      say(step, "has only_once, which is for steps with should_stop_blob");
    }
  }

  /// Whether anything has its place in the order of a round.
  static bool has_turns(const ExecutionStep& step) {
    return step.network_size() > 0 ||
           !std::ranges::all_of(step.substep(), &ExecutionStep::has_run_every_ms);
  }

  void check_instances(const ExecutionStep& step) {
    const int instances = step.num_concurrent_instances();
    if (instances < 0 || instances > kMostInstances) {
      say(step, fmt::format("has num_concurrent_instances {}; 1 to {} are expected", instances,
                            kMostInstances));
    } else if (instances > 1 && step.substep_size() == 0) {
      warn_of(step, "num_concurrent_instances, which is for steps with substeps");
    }
  }

  void say(const ExecutionStep& step, const std::string& problem) {
    problems_.add(fmt::format("step '{}' {}", step.name(), problem));
  }

  void warn_of(const ExecutionStep& step, const std::string& what) {
    if (warn_) warn_(fmt::format("step '{}' has {}; it is ignored", step.name(), what));
  }

  void check_name(const ExecutionStep& step, const std::string& name) {
    if (names_.contains(name)) return;
    const std::vector<std::string> known(names_.begin(), names_.end());
    say(step, fmt::format("runs net '{}', which the plan does not have{}", name,
                          did_you_mean(name, known)));
  }

  Problems problems_;
  const std::function<void(const std::string&)>& warn_;
  std::set<std::string> names_;
};

}  // namespace

void check_plan(const PlanDef& plan, const std::function<void(const std::string&)>& warn) {
  const PlanChecker check(plan, warn);
}

}  // namespace headrace::graph
