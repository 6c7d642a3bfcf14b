#include "graph/gradient_paths.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "graph/net_values.h"

namespace headrace::graph {
namespace {

constexpr int kNone = NetValues::kNone;

bool contains(std::span<const int> ids, int id) { return std::ranges::find(ids, id) != ids.end(); }

bool any(const std::vector<int>& ids, const std::vector<bool>& marked) {
  return std::ranges::any_of(ids, [&](int id) { return marked[id]; });
}

}  // namespace

GradientPaths::GradientPaths(const NetDef& net, const NetValues& values,
                             const std::vector<int>& roots, const std::vector<int>& wanted)
    : net_(net),
      values_(values),
      roots_(roots),
      wanted_(wanted),
      from_wanted_(values.size(), wanted.empty()),
      active_(net.op_size()) {
  for (int id : wanted) from_wanted_[id] = true;
  for (int i = 0; i < net.op_size(); ++i) {
    if (!any(values.inputs(i), from_wanted_) || stops(i)) continue;
    for (int id : values.outputs(i)) from_wanted_[id] = true;
  }
  std::vector<bool> reaches_root(values.size());
  for (int id : roots) reaches_root[id] = true;
  for (int i = net.op_size() - 1; i >= 0; --i) {
    if (!any(values.outputs(i), reaches_root) || stops(i)) continue;
    for (int id : values.inputs(i)) reaches_root[id] = true;
    active_[i] = any(values.inputs(i), from_wanted_);
  }
}

bool GradientPaths::stops(int position) const {
  const OpSchema* schema = find_schema(net_.op(position).type());
  return schema != nullptr && schema->stops_gradient();
}

int GradientPaths::first_active_reader(int value) const {
  for (int position : values_[value].readers) {
    if (active_[position]) return position;
  }
  return kNone;
}

void GradientPaths::check_differentiable() const {
  std::string problems;
  for (int i = 0; i < net_.op_size(); ++i) {
    if (!active_[i] || get_schema(net_.op(i).type()).has_gradient()) continue;
    const std::vector<int>& inputs = values_.inputs(i);
    std::string before = way(wanted_.empty() ? inputs : wanted_, inputs, false);
    std::string after = way(values_.outputs(i), roots_, false);
    problems += fmt::format("\n  {} on the way {} -> {} -> {}", describe(i), before,
                            net_.op(i).type(), after);
  }
  require(problems.empty(), ErrorCode::kInvalidNet,
          "operators without a gradient stand where one is needed (register their gradient, or put "
          "a StopGradient on the way):{}",
          problems);
}

void GradientPaths::fail_unreached(int value) const {
  const int from[] = {value};
  const std::string& name = values_[value].name;
  std::string roots;
  for (int id : roots_) roots += (roots.empty() ? "'" : ", '") + values_[id].name + "'";
  int stopper = kNone;
  std::string path = way(from, roots_, true, &stopper);
  if (path.empty()) {
    fail(ErrorCode::kInvalidNet, "'{}' has no gradient: nothing that is computed from it enters {}",
         name, roots);
  }
  if (stopper != kNone) {
    fail(ErrorCode::kInvalidNet, "'{}' has no gradient: {} stops it on the way {}", name,
         describe(stopper), path);
  }
  fail(ErrorCode::kInvalidNet, "'{}' has no gradient: an operator gives none to it on the way {}",
       name, path);
}

std::string GradientPaths::way(std::span<const int> from, std::span<const int> to,
                               bool through_stops, int* stopper) const {
  struct Step {
    int value = kNone;
    int position = kNone;
    bool seen = false;
  };
  std::vector<Step> came_from(values_.size());
  std::deque<int> queue(from.begin(), from.end());
  for (int id : from) came_from[id].seen = true;
  while (!queue.empty()) {
    int id = queue.front();
    queue.pop_front();
    if (!contains(to, id)) {
      for (int position : values_[id].readers) {
        if (!through_stops && stops(position)) continue;
        for (int output : values_.outputs(position)) {
          if (came_from[output].seen) continue;
          came_from[output] = {id, position, true};
          queue.push_back(output);
        }
      }
      continue;
    }
    std::string text = values_[id].name;
    for (Step step = came_from[id]; step.value != kNone; step = came_from[step.value]) {
      if (stopper != nullptr && stops(step.position)) *stopper = step.position;
      text = fmt::format("{} -> {} -> {}", values_[step.value].name, net_.op(step.position).type(),
                         text);
    }
    return text;
  }
  return "";
}

std::string GradientPaths::describe(int position) const {
  const OperatorDef& op = net_.op(position);
  std::string name = op.name().empty() ? "" : fmt::format(" '{}'", op.name());
  return fmt::format("{}{} (#{})", op.type(), name, position);
}

}  // namespace headrace::graph
