#include <algorithm>

#include "graph/passes.h"

namespace headrace::graph {
namespace {

/// Both orders put the elements in the same places, so that nothing ever has to be moved.
bool same_in_both(const Shape& shape) {
  return shape[1] <= 1 || shape.product(2, shape.rank()) <= 1;
}

class LayoutPass {
 public:
  LayoutPass(Graph& graph, const Interface& interface) : graph_(graph) {
    for (const Interface::Input& input : interface.inputs) {
      if (!input.state) continue;
      for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
        if (graph.values[id].name == input.name) {
          state_layout_[id] = graph.values[input.value].layout;
        }
      }
    }
  }

  void run() {
    for (Op& op : graph_.ops) {
      step_ = op.step;
      const Layout layout = choose(op);
      for (size_t i = 0; i < op.inputs.size(); ++i) {
        const bool image = is_image(op.inputs[i]) && takes_input(op, i);
        op.inputs[i] = in_layout(op.inputs[i], image ? layout : Layout::kPlain);
      }
      std::vector<std::pair<ValueId, ValueId>> to_state;
      for (size_t o = 0; o < op.outputs.size(); ++o) {
        ValueId value = op.outputs[o];
        if (value == kNone || !is_image(value)) continue;
        Layout produced = takes_output(op, o) ? layout : Layout::kPlain;
        auto fixed = state_layout_.find(value);
        if (fixed != state_layout_.end() && fixed->second != produced) {
          Value aside = graph_.values[value];
          aside.name += "~";
          aside.layout = produced;
          op.outputs[o] = graph_.add_value(std::move(aside));
          to_state.emplace_back(op.outputs[o], value);
          produced = fixed->second;
        }
        graph_.values[value].layout = produced;
      }
      ops_.push_back(std::move(op));
      for (auto [from, to] : to_state) add_reorder(from, to);
    }
    graph_.ops = std::move(ops_);
    graph_.relink();
  }

 private:
  bool is_image(ValueId id) const {
    const Value& value = graph_.values[id];
    if (value.handle || !value.type.complete()) return false;
    const Shape& shape = *value.type.shape;
    return shape.rank() >= 3 && shape.rank() <= 5 && !same_in_both(shape);
  }

  const Shape& shape(ValueId id) const { return *graph_.values[id].type.shape; }

  bool takes_input(const Op& op, size_t i) const {
    return op.schema->is_image_input(static_cast<int>(i), shape(op.inputs[i]));
  }

  bool takes_output(const Op& op, size_t o) const {
    return op.schema->is_image_output(static_cast<int>(o), shape(op.outputs[o]));
  }

  bool all_types_known(const Op& op) const {
    auto known = [&](ValueId id) {
      return id == kNone || graph_.values[id].handle || graph_.values[id].type.complete();
    };
    return std::ranges::all_of(op.inputs, known) && std::ranges::all_of(op.outputs, known);
  }

  /// An operator with order NHWC states its images channels-last already, in the plain layout.
  static bool is_nchw(const Op& op) {
    const auto& specs = op.schema->args();
    const auto order = std::ranges::find(specs, "order", &ArgSpec::name);
    if (order == specs.end()) return true;
    const bool absent =
        std::holds_alternative<std::monostate>(order->default_value) && !op.args().has("order");
    return absent || op.args().text("order") == "NCHW";
  }

  Layout choose(const Op& op) const {
    if (op.kind != OpKind::kOperator || !all_types_known(op)) return Layout::kPlain;
    switch (op.schema->layout_policy()) {
      case LayoutPolicy::kPlain:
        return Layout::kPlain;
      case LayoutPolicy::kPrefers:
        return is_nchw(op) ? Layout::kChannelsLast : Layout::kPlain;
      case LayoutPolicy::kFollows:
      case LayoutPolicy::kFollowsUneven:
        return follow(op);
    }
    return Layout::kPlain;
  }

  /// Channels-last as soon as one image input is, if all of them look alike: with broadcasting
  /// between operands of different shape the physical order would matter.
  Layout follow(const Op& op) const {
    if (!is_nchw(op)) return Layout::kPlain;
    const bool uneven = op.schema->layout_policy() == LayoutPolicy::kFollowsUneven;
    const Shape* first = nullptr;
    bool channels_last = false;
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const Value& value = graph_.values[op.inputs[i]];
      if (value.handle) continue;
      const Shape& shape = *value.type.shape;
      if (!op.schema->is_image_input(static_cast<int>(i), shape)) {
        if (op.schema->image_inputs().empty() && shape.numel() > 1) return Layout::kPlain;
        continue;
      }
      if (first == nullptr) first = &shape;
      if (uneven ? shape.rank() != first->rank() : shape != *first) return Layout::kPlain;
      channels_last |= value.layout == Layout::kChannelsLast;
    }
    return channels_last ? Layout::kChannelsLast : Layout::kPlain;
  }

  ValueId in_layout(ValueId id, Layout wanted) {
    if (!is_image(id) || graph_.values[id].layout == wanted) return id;
    auto [found, fresh] = reordered_.try_emplace({id, wanted}, kNone);
    if (fresh) {
      Value copy = graph_.values[id];
      copy.name += wanted == Layout::kChannelsLast ? "~channels_last" : "~plain";
      copy.layout = wanted;
      found->second = graph_.add_value(std::move(copy));
      add_reorder(id, found->second);
    }
    return found->second;
  }

  void add_reorder(ValueId from, ValueId to) {
    ops_.push_back(graph_.make_op("Reorder", step_, graph_.values[from].device, {from}, {to}));
  }

  Graph& graph_;
  std::vector<Op> ops_;
  int step_ = 0;  // of the operator at hand
  std::map<ValueId, Layout> state_layout_;
  std::map<std::pair<ValueId, Layout>, ValueId> reordered_;
};

}  // namespace

void assign_layouts(Graph& graph, const Interface& interface) {
  LayoutPass(graph, interface).run();
}

}  // namespace headrace::graph
