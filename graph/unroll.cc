#include "graph/unroll.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "graph/graph.h"
#include "graph/plan.h"

namespace headrace::graph {
namespace {

class Unroller {
 public:
  /// `own`: names that each step has its own of.
  Unroller(const Graph& net, int steps, const std::set<std::string>& own)
      : net_(net), steps_(steps), own_(own) {}

  Graph run() {
    unrolled_.name = net_.name;
    unrolled_.header = net_.header;
    unrolled_.external_inputs = net_.external_inputs;
    unrolled_.external_outputs = net_.external_outputs;
    unrolled_.steps = steps_;
    for (int step = 0; step < steps_; ++step) {
      add_values(step);
      add_ops(step);
      add_slots(step);
    }
    unrolled_.origins = steps_ * net_.origins;
    unrolled_.relink();
    return std::move(unrolled_);
  }

 private:
  void add_values(int step) {
    std::vector<ValueId> before = std::move(now_);
    now_.clear();
    for (const Value& value : net_.values) {
      const bool own = own_.contains(value.name);
      const SlotUse& slot = net_.slots.find(value.name)->second;
      if (value.producer == kNone && step > 0 && !own) {
        now_.push_back(before[static_cast<size_t>(slot.last)]);
        continue;
      }
      Value copy = value;
      if (own) {
        copy.name = step_name(value.name, step, steps_);
      } else {
        const int versions = net_.values[slot.last].version + (slot.first == kNone ? 1 : 0);
        copy.version += step * versions;
      }
      now_.push_back(unrolled_.add_value(std::move(copy)));
    }
  }

  void add_ops(int step) {
    for (Op op : net_.ops) {
      op.step = step;
      op.origin += step * net_.origins;
      for (int& origin : op.after) origin += step * net_.origins;
      for (ValueId& id : op.inputs) id = now_[id];
      for (ValueId& id : op.outputs) id = now_[id];
      unrolled_.ops.push_back(std::move(op));
    }
  }

  void add_slots(int step) {
    for (const auto& [name, use] : net_.slots) {
      const bool own = own_.contains(name);
      const auto [slot, is_new] =
          unrolled_.slots.try_emplace(own ? step_name(name, step, steps_) : name);
      require(is_new || (step > 0 && !own), ErrorCode::kInvalidNet,
              "net '{}' cannot be unrolled: '{}' is to be '{}' of step {}, and it has a blob of "
              "that name",
              net_.name, slot->first, name, step);
      if (is_new && use.first != kNone) slot->second.first = now_[use.first];
      slot->second.last = now_[use.last];
    }
  }

  const Graph& net_;
  const int steps_;
  const std::set<std::string>& own_;
  Graph unrolled_;
  std::vector<ValueId> now_;  // by value of the net: that of the present step
};

/// Names as each step calls them; state, and what the net does not know, as it is.
std::vector<std::string> of_each_step(const std::vector<std::string>& names,
                                      const std::set<std::string>& own, int steps) {
  std::vector<std::string> all;
  for (const std::string& name : names) {
    if (!own.contains(name)) {
      all.push_back(name);
      continue;
    }
    for (int step = 0; step < steps; ++step) all.push_back(step_name(name, step, steps));
  }
  return all;
}

}  // namespace

std::string step_name(const std::string& name, int step, int steps) {
  return step == steps - 1 ? name : fmt::format("{}@{}", name, step);
}

void unroll(Graph& graph, CompileOptions& options) {
  const Unroll asked = std::exchange(options.unroll, {});
  require(asked.steps >= 1, ErrorCode::kInvalidArgument,
          "a plan has at least one step of its net, found {}", asked.steps);
  if (asked.steps == 1) return;
  std::set<std::string> own;
  for (const std::string& name : asked.fed) {
    const auto slot = graph.slots.find(name);
    require(slot != graph.slots.end() && slot->second.first != kNone, ErrorCode::kNotFound,
            "net '{}' has no input '{}' that each step could have its own of", graph.name, name);
    own.insert(name);
  }
  for (const auto* names : {&options.readable.names, &options.finite}) {
    for (const std::string& name : *names) {
      const auto slot = graph.slots.find(name);
      if (slot != graph.slots.end() && slot->second.first == kNone) own.insert(name);
    }
  }
  options.readable.names = of_each_step(options.readable.names, own, asked.steps);
  options.finite = of_each_step(options.finite, own, asked.steps);
  graph = Unroller(graph, asked.steps, own).run();
}

void pace_steps(Graph& graph) {
  if (graph.steps == 1) return;
  const auto is_backward = [&](OpId id) { return graph.ops[id].def->is_gradient_op(); };
  // By step: the ends of its backward pass.
  std::vector<std::vector<int>> ends(static_cast<size_t>(graph.steps));
  for (OpId id = 0; id < static_cast<OpId>(graph.ops.size()); ++id) {
    const Op& op = graph.ops[id];
    const bool goes_on = std::ranges::any_of(op.outputs, [&](ValueId output) {
      return output != kNone && std::ranges::any_of(graph.values[output].consumers, is_backward);
    });
    if (is_backward(id) && !goes_on) ends[op.step].push_back(op.origin);
  }
  for (Op& op : graph.ops) {
    const bool follows = std::ranges::any_of(op.inputs, [&](ValueId input) {
      const OpId producer = graph.values[input].producer;
      return producer != kNone && graph.ops[producer].step == op.step;
    });
    if (op.step == 0 || follows) continue;
    const std::vector<int>& before = ends[op.step - 1];
    op.after.insert(op.after.end(), before.begin(), before.end());
  }
}

}  // namespace headrace::graph
