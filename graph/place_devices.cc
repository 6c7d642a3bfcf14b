#include <algorithm>
#include <map>
#include <set>

#include "graph/passes.h"

namespace headrace::graph {
namespace {

Device input_device(const Op& op, size_t i) {
  return op.schema->is_host_input(static_cast<int>(i)) ? Device{} : op.device;
}

class DevicePass {
 public:
  explicit DevicePass(Graph& graph) : graph_(graph) {}

  void run(const Interface& interface) {
    for (const Interface::Input& input : interface.inputs) place_input(input);
    for (Op& op : graph_.ops) {
      step_ = op.step;
      for (size_t i = 0; i < op.inputs.size(); ++i) {
        op.inputs[i] = on_device(op.inputs[i], input_device(op, i));
      }
      std::vector<std::pair<ValueId, ValueId>> to_state;
      for (size_t o = 0; o < op.outputs.size(); ++o) {
        if (op.outputs[o] != kNone) place_output(op, o, to_state);
      }
      ops_.push_back(std::move(op));
      for (auto [from, to] : to_state) copy(from, to);
    }
    graph_.ops = std::move(ops_);
    graph_.relink();
  }

 private:
  /// Handles and strings are objects of the host.
  bool can_move(ValueId id) const {
    const Value& value = graph_.values[id];
    return !value.handle && value.type.dtype != DType::kString;
  }

  /// All versions of a state are in one place, the slot's buffer.
  void place_input(const Interface::Input& input) {
    if (!can_move(input.value)) return;
    inputs_.insert(input.value);
    if (!input.state) {
      graph_.values[input.value].device = device_of_first_reader(input.value);
      return;
    }
    const Value& last = graph_.values[graph_.last(input.name)];
    const Op& writer = graph_.ops[last.producer];
    for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
      if (graph_.values[id].name != input.name) continue;
      graph_.values[id].device = writer.device;
      state_.emplace(id, writer.device);
    }
  }

  Device device_of_first_reader(ValueId id) const {
    const Value& value = graph_.values[id];
    if (value.consumers.empty()) return {};
    const Op& reader = graph_.ops[value.consumers.front()];
    const auto input = std::ranges::find(reader.inputs, id);
    return input_device(reader, static_cast<size_t>(input - reader.inputs.begin()));
  }

  void place_output(Op& op, size_t o, std::vector<std::pair<ValueId, ValueId>>& to_state) {
    ValueId& output = op.outputs[o];
    if (!can_move(output)) return;
    const Device device = op.device;
    const auto state = state_.find(output);
    if (state == state_.end() || state->second == device) {
      graph_.values[output].device = device;
      return;
    }
    const ValueId slot = output;
    output = beside(slot, "~" + device.to_string());
    graph_.values[output].device = device;
    to_state.emplace_back(output, slot);
  }

  ValueId on_device(ValueId id, Device wanted) {
    if (!can_move(id) || graph_.values[id].device == wanted) return id;
    const auto known = std::ranges::find(copies_, std::pair(id, wanted), &Copied::key);
    if (known != copies_.end()) return known->copy;
    const ValueId target = beside(id, "~" + wanted.to_string());
    graph_.values[target].device = wanted;
    copies_.push_back({{id, wanted}, target});
    copy(id, target);
    return target;
  }

  /// The copy is work of the device that takes part; between two, of the one that reads it next.
  /// Devices copy from and to memory of the run, which is pinned; what is in the buffer of a slot
  /// goes through there.
  void copy(ValueId from, ValueId to) {
    if (is_in_slot(from)) {
      const ValueId pinned = beside(from, "~pinned");
      ops_.push_back(graph_.make_op("Reorder", step_, Device{}, {from}, {pinned}));
      from = pinned;
    }
    const ValueId target = is_in_slot(to) ? beside(to, "~pinned") : to;
    const Device device = graph_.values[target].device;
    ops_.push_back(graph_.make_op("DeviceCopy", step_,
                                  device.is_cpu() ? graph_.values[from].device : device, {from},
                                  {target}));
    if (target != to) ops_.push_back(graph_.make_op("Reorder", step_, Device{}, {target}, {to}));
  }

  bool is_in_slot(ValueId id) const {
    return graph_.values[id].device.is_cpu() && (inputs_.contains(id) || state_.contains(id));
  }

  /// A new value like another one.
  ValueId beside(ValueId id, const std::string& suffix) {
    Value value = graph_.values[id];
    value.name += suffix;
    return graph_.add_value(std::move(value));
  }

  struct Copied {
    std::pair<ValueId, Device> key;
    ValueId copy;
  };

  Graph& graph_;
  std::vector<Op> ops_;
  int step_ = 0;  // of the operator at hand
  std::set<ValueId> inputs_;
  std::map<ValueId, Device> state_;  // where the versions of states are
  std::vector<Copied> copies_;
};

}  // namespace

void place_devices(Graph& graph, const Interface& interface) {
  for (Op& op : graph.ops) {
    if (op.kind != OpKind::kOperator || op.schema->runs_on_host()) op.device = Device{};
  }
  if (find_devices(graph).size() > 1) DevicePass(graph).run(interface);
}

std::vector<Device> find_devices(const Graph& graph) {
  std::vector<Device> devices = {Device{}};
  for (const Op& op : graph.ops) {
    if (std::ranges::find(devices, op.device) == devices.end()) devices.push_back(op.device);
  }
  return devices;
}

}  // namespace headrace::graph
