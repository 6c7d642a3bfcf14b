#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/text.h"
#include "graph/control.h"
#include "graph/graph.h"
#include "graph/problems.h"

namespace headrace::graph {
namespace {

class Builder {
 public:
  Builder(NetDef net, const BuildOptions& options)
      : net_(std::move(net)), options_(options), problems_(net_.name()) {}

  Graph build() {
    graph_.name = net_.name();
    graph_.external_inputs.assign(net_.external_input().begin(), net_.external_input().end());
    graph_.external_outputs.assign(net_.external_output().begin(), net_.external_output().end());
    for (const std::string& name : net_.external_input()) {
      if (declared_.insert(name).second) add_external(name);
    }
    for (int position = 0; position < net_.op_size(); ++position) add(position);
    for (const std::string& name : net_.external_output()) {
      if (!graph_.slots.contains(name) && !declared_.contains(name)) {
        problems_.add(fmt::format("external output '{}' is written by no operator{}", name,
                                  did_you_mean(name, known_names())));
      }
    }
    report_unknown();
    problems_.throw_if_any();
    net_.clear_op();
    graph_.header = std::make_shared<NetDef>(std::move(net_));
    graph_.relink();
    return std::move(graph_);
  }

 private:
  void add(int position) {
    Op op;
    const auto own = std::make_shared<OperatorDef>(std::move(*net_.mutable_op(position)));
    op.def = own;
    op.position = position;
    op.origin = graph_.origins++;
    const OperatorDef& def = *op.def;
    op.name = !def.name().empty() ? def.name() : def.output_size() > 0 ? def.output(0) : "";
    const OpLocation location{net_.name(), op.name, def.type(), position};
    op.schema = find_schema(def.type());
    if (op.schema == nullptr || op.schema->is_plan_only()) {
      unknown_[def.type()].push_back(location);
      define_outputs(def, kNone);
      return;
    }
    op.kind = control_kind(def.type());
    if (op.schema->is_random()) op.repetition = random_operators_[op.name]++;
    DeviceOption device = net_.device_option();
    device.MergeFrom(def.device_option());
    op.device = device_of(device, location);
    check_signature(op, location);
    check_arguments(op, location);

    const OpId id = static_cast<OpId>(graph_.ops.size());
    std::set<std::string> nested_handles;
    if (op.kind != OpKind::kOperator) {
      nested_handles = check_nested(def, location);
      // What the nets around and inside share becomes operands as if it had been declared.
      const OperandNames names = operand_names(def, net_, position, [&](const std::string& name) {
        return graph_.slots.contains(name);
      });
      *own->mutable_input() = {names.inputs.begin(), names.inputs.end()};
      *own->mutable_output() = {names.outputs.begin(), names.outputs.end()};
    }
    for (int i = 0; i < def.input_size(); ++i) {
      op.inputs.push_back(read(def.input(i), location));
      if (op.schema->is_handle_input(i) || nested_handles.contains(def.input(i))) {
        graph_.values[op.inputs[i]].handle = true;
      }
    }
    for (const std::string& name : def.control_input()) {
      ValueId value = read(name, location);
      if (value != kNone && graph_.values[value].producer != kNone) {
        op.after.push_back(graph_.ops[graph_.values[value].producer].origin);
      }
    }
    for (int i = 0; i < def.output_size(); ++i) {
      op.outputs.push_back(write(def.output(i), id, op.schema->is_handle_output(i)));
    }
    graph_.ops.push_back(std::move(op));
  }

  /// The names that nested nets read are checked with the net around them; this is the rest.
  /// Returns which of those names are handles.
  std::set<std::string> check_nested(const OperatorDef& def, const OpLocation& location) {
    std::set<std::string> handles;
    for (const Argument& arg : def.arg()) {
      const std::unique_ptr<NetDef> nested = nested_net(def, arg.name());
      if (nested == nullptr) continue;
      try {
        const Graph graph = build_graph(*nested, options_);
        for (const auto& [name, slot] : graph.slots) {
          if (slot.first != kNone && graph.values[slot.first].handle) handles.insert(name);
        }
      } catch (const Error& error) {
        problems_.add(location, fmt::format("{}: {}", arg.name(), error.message()));
      }
    }
    return handles;
  }

  void define_outputs(const OperatorDef& def, OpId producer) {
    for (const std::string& name : def.output()) write(name, producer, false);
  }

  ValueId read(const std::string& name, const OpLocation& location) {
    auto found = graph_.slots.find(name);
    if (found != graph_.slots.end()) return found->second.last;
    if (!declared_.empty() && !declared_.contains(name)) {
      problems_.add(location, fmt::format("reads blob '{}', which no earlier operator writes and "
                                          "external_input does not declare{}",
                                          name, did_you_mean(name, known_names())));
    }
    return add_external(name);
  }

  ValueId add_external(const std::string& name) {
    ValueId id = graph_.add_value({.name = name});
    graph_.slots[name] = {.first = id, .last = id};
    return id;
  }

  ValueId write(const std::string& name, OpId producer, bool handle) {
    auto [slot, fresh] = graph_.slots.try_emplace(name);
    int version = fresh ? 0 : graph_.values[slot->second.last].version + 1;
    slot->second.last = graph_.add_value(
        {.name = name, .version = version, .producer = producer, .handle = handle});
    return slot->second.last;
  }

  Device device_of(const DeviceOption& device, const OpLocation& location) {
    constexpr int kCuda = 1;
    switch (device.device_type()) {
      case 0:
        return Device{};
      case kCuda:
        return Device{DeviceKind::kCuda, device.device_id()};
      default:
        problems_.add(location,
                      fmt::format("device_type {} is neither CPU (0) nor CUDA (1), the devices "
                                  "headrace has",
                                  device.device_type()));
        return Device{};
    }
  }

  void check_count(int count, int least, int most, std::string_view what, const OpLocation& at) {
    if (count >= least && count <= most) return;
    std::string range = least == most             ? fmt::format("{}", least)
                        : most == OpSchema::kMany ? fmt::format("at least {}", least)
                                                  : fmt::format("{} to {}", least, most);
    problems_.add(at, fmt::format("expected {} {}s, found {}", range, what, count));
  }

  void check_signature(const Op& op, const OpLocation& location) {
    const OperatorDef& def = *op.def;
    const OpSchema& schema = *op.schema;
    check_count(def.input_size(), schema.min_inputs(), schema.max_inputs(), "input", location);
    check_count(def.output_size(), schema.min_outputs(), schema.max_outputs(), "output", location);
    for (const OpSchema::Alias& pair : schema.inplace_pairs()) {
      if (!pair.enforced || pair.output >= def.output_size() || pair.input >= def.input_size()) {
        continue;
      }
      if (def.input(pair.input) != def.output(pair.output)) {
        problems_.add(location, fmt::format("output {} must be in place with input {}: expected "
                                            "'{}', found '{}'",
                                            pair.output, pair.input, def.input(pair.input),
                                            def.output(pair.output)));
      }
    }
    std::unordered_set<std::string> seen;
    for (const std::string& name : def.output()) {
      if (name.empty()) problems_.add(location, "an output has no name");
      if (!seen.insert(name).second) {
        problems_.add(location, fmt::format("writes '{}' twice", name));
      }
    }
  }

  void check_arguments(const Op& op, const OpLocation& location) {
    Args args = op.args();
    for (std::string& problem : args.problems()) problems_.add(location, std::move(problem));
    std::vector<std::string> declared;
    for (const ArgSpec& spec : op.schema->args()) declared.push_back(spec.name);
    for (const std::string& name : args.unknown()) {
      std::string text = fmt::format("unknown argument '{}'{}", name, did_you_mean(name, declared));
      if (options_.strict) {
        problems_.add(location, std::move(text));
      } else if (options_.warn && warned_.insert(op.type() + "/" + name).second) {
        options_.warn(fmt::format("{}: {}; it is ignored", describe(location), text));
      }
    }
  }

  /// A line for each type, however often the net has it.
  void report_unknown() {
    for (const auto& [type, locations] : unknown_) {
      std::string text =
          fmt::format("unknown operator '{}'{}", type, did_you_mean(type, operator_types()));
      if (locations.size() > 1) text += fmt::format(", here and in {} more", locations.size() - 1);
      problems_.add(locations.front(), std::move(text));
    }
  }

  std::vector<std::string> known_names() const {
    std::vector<std::string> names;  // what is declared has a slot from the beginning
    for (const auto& [name, slot] : graph_.slots) names.push_back(name);
    return names;
  }

  NetDef net_;  // gives its operators away
  const BuildOptions& options_;
  Problems problems_;
  Graph graph_;
  std::unordered_set<std::string> declared_;
  std::unordered_set<std::string> warned_;
  std::map<std::string, std::vector<OpLocation>> unknown_;  // by type
  std::map<std::string, int> random_operators_;             // so far, by name
};

}  // namespace

Graph build_graph(NetDef net, const BuildOptions& options) {
  return Builder(std::move(net), options).build();
}

NetDef to_net(const Graph& graph) {
  NetDef net = *graph.header;
  for (const Op& op : graph.ops) *net.add_op() = *op.def;
  return net;
}

ValueId Graph::last(std::string_view name) const {
  auto found = slots.find(name);
  return found == slots.end() ? kNone : found->second.last;
}

OpLocation Graph::locate(const Op& op) const {
  return {name, op.name, op.schema != nullptr ? op.type() : "", op.position,
          steps > 1 ? op.step : -1};
}

Op Graph::make_op(std::string_view type, int step, Device device, std::vector<ValueId> inputs,
                  std::vector<ValueId> outputs) {
  Op op;
  op.schema = &get_schema(type);
  op.def = std::make_shared<OperatorDef>();
  op.origin = origins++;
  op.step = step;
  op.name = values[outputs.empty() ? inputs.front() : outputs.front()].name;
  op.device = device;
  op.inputs = std::move(inputs);
  op.outputs = std::move(outputs);
  return op;
}

ValueId Graph::add_value(Value value) {
  values.push_back(std::move(value));
  return static_cast<ValueId>(values.size() - 1);
}

void Graph::relink() {
  std::erase_if(ops, [](const Op& op) { return op.schema == nullptr; });
  for (Value& value : values) {
    value.producer = kNone;
    value.consumers.clear();
  }
  for (OpId id = 0; id < static_cast<OpId>(ops.size()); ++id) {
    for (ValueId value : ops[id].inputs) {
      std::vector<OpId>& consumers = values[value].consumers;
      if (consumers.empty() || consumers.back() != id) consumers.push_back(id);
    }
    for (ValueId value : ops[id].outputs) {
      if (value != kNone) values[value].producer = id;
    }
  }
}

}  // namespace headrace::graph
