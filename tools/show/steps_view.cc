#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/show/views.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

/// "update: net_update, 3 times, until 'done'": a line, and one for each step in it.
std::string step_text(const ExecutionStep& step, int depth) {
  std::string text = fmt::format("{:{}}{}", "", 2 * depth, step.name());
  if (step.network_size() > 0) text += fmt::format(": {}", fmt::join(step.network(), ", "));
  if (step.num_iter() > 1) text += fmt::format(", {} times", step.num_iter());
  if (step.has_should_stop_blob()) text += fmt::format(", until '{}'", step.should_stop_blob());
  if (step.only_once()) text += ", once at most";
  if (step.concurrent_substeps()) text += ", side by side";
  if (step.num_concurrent_instances() > 1) {
    text += fmt::format(", {} instances", step.num_concurrent_instances());
  }
  if (step.create_workspace()) text += ", with blobs of its own";
  if (step.has_report_net()) {
    text += fmt::format(", {} every {} s", step.report_net(), step.report_interval());
  }
  if (step.has_run_every_ms()) text += fmt::format(", every {} ms", step.run_every_ms());
  text += '\n';
  for (const ExecutionStep& substep : step.substep()) text += step_text(substep, depth + 1);
  return text;
}

}  // namespace

std::string steps_view(const PlanDef& plan) {
  std::string text =
      fmt::format("plan '{}': {}\n", plan.name(), plural(plan.network_size(), "net"));
  for (const ExecutionStep& step : plan.execution_step()) text += step_text(step, 1);
  for (const NetDef& net : plan.network()) text += '\n' + net_view(net);
  return text;
}

}  // namespace headrace::tools
