#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/show/views.h"
#include "tools/text/table.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

using graph::Graph;
using graph::Op;
using graph::ValueId;

/// "conv1", or "conv1.2" for a later value of a name that is assigned several times.
std::string value_name(const Graph& graph, ValueId id) {
  if (id == graph::kNone) return "-";
  const graph::Value& value = graph.values[static_cast<size_t>(id)];
  return value.version == 0 ? value.name : fmt::format("{}.{}", value.name, value.version);
}

std::string value_names(const Graph& graph, const std::vector<ValueId>& ids) {
  std::vector<std::string> names;
  for (const ValueId id : ids) names.push_back(value_name(graph, id));
  return fmt::format("{}", fmt::join(names, " "));
}

std::string type_text(const graph::Value& value) {
  if (value.handle) return "handle";
  return value.type.complete() ? value.type.to_string() : "?";
}

/// The descriptions of an operator's operands; false if one is not known.
bool describe_operands(const Graph& graph, const std::vector<ValueId>& ids,
                       std::vector<TensorDesc>& descs) {
  for (const ValueId id : ids) {
    TensorDesc& desc = descs.emplace_back();
    if (id == graph::kNone) continue;
    const graph::Value& value = graph.values[static_cast<size_t>(id)];
    if (value.handle) continue;
    if (!value.type.complete()) return false;
    desc = {value.type.dtype, *value.type.shape};
  }
  return true;
}

struct Work {
  Cost cost;
  bool known = false;
};

Work work_of(const Graph& graph, const Op& op) {
  std::vector<TensorDesc> inputs;
  std::vector<TensorDesc> outputs;
  if (op.kind != graph::OpKind::kOperator || !describe_operands(graph, op.inputs, inputs) ||
      !describe_operands(graph, op.outputs, outputs)) {
    return {};
  }
  const Args args = op.args();
  return {op.schema->estimate({args, inputs, outputs}), true};
}

/// Elements of all blobs named whose type is known.
struct Elements {
  int64_t tensors = 0;
  int64_t elements = 0;
};

Elements count_elements(const Graph& graph, const std::vector<std::string>& names) {
  Elements total;
  for (const std::string& name : names) {
    const auto slot = graph.slots.find(name);
    if (slot == graph.slots.end() || slot->second.first == graph::kNone) continue;
    const TensorType& type = graph.values[static_cast<size_t>(slot->second.first)].type;
    if (!type.complete()) continue;
    ++total.tensors;
    total.elements += type.shape->numel();
  }
  return total;
}

bool multiplies(const Op& op) { return op.type() == "Conv" || op.type() == "FC"; }

std::string summary(const Graph& graph, const graph::Interface& interface, const NetRoles& roles,
                    const std::vector<Work>& work) {
  Cost total;
  double forward_macs = 0;
  size_t unknown = 0;
  for (size_t i = 0; i < work.size(); ++i) {
    unknown += work[i].known ? 0 : 1;
    total.flops += work[i].cost.flops;
    total.bytes += work[i].cost.bytes;
    if (multiplies(graph.ops[i])) forward_macs += work[i].cost.flops / 2;
  }
  std::string text =
      fmt::format("graph of '{}': {}, {}, {} ({} of them state), {}\n", graph.name,
                  plural(static_cast<int64_t>(graph.ops.size()), "operator"),
                  plural(static_cast<int64_t>(graph.values.size()), "value"),
                  plural(static_cast<int64_t>(interface.inputs.size()), "input"),
                  std::ranges::count(interface.inputs, true, &graph::Interface::Input::state),
                  plural(static_cast<int64_t>(interface.outputs.size()), "output"));
  if (!roles.parameters.empty()) {
    const Elements found = count_elements(graph, roles.parameters);
    text += fmt::format("parameters: {}, {}\n", plural(found.tensors, "tensor"),
                        plural(found.elements, "element"));
  }
  text += fmt::format("forward convolutions and fully connected layers: {:.3f} GMAC\n",
                      forward_macs / 1e9);
  text += fmt::format("all operators: {:.3f} GFLOP, {} read and written\n", total.flops / 1e9,
                      bytes_text(total.bytes));
  if (unknown > 0)
    text += fmt::format("of {}, the work is not known\n",
                        plural(static_cast<int64_t>(unknown), "operator"));
  return text;
}

std::string type_table(const Graph& graph, const std::vector<Work>& work) {
  struct Sum {
    int count = 0;
    Cost cost;
  };
  std::map<std::string, Sum> sums;
  double flops = 0;
  for (size_t i = 0; i < work.size(); ++i) {
    Sum& sum = sums[graph.ops[i].type()];
    ++sum.count;
    sum.cost.flops += work[i].cost.flops;
    sum.cost.bytes += work[i].cost.bytes;
    flops += work[i].cost.flops;
  }
  std::vector<std::pair<std::string, Sum>> ranked(sums.begin(), sums.end());
  std::ranges::sort(ranked, std::greater{},
                    [](const auto& entry) { return entry.second.cost.flops; });
  using enum Table::Align;
  Table table({{"type"}, {"count", kRight}, {"MFLOP", kRight}, {"share", kRight}, {"MB", kRight}});
  for (const auto& [type, sum] : ranked) {
    table.add({type, std::to_string(sum.count), fmt::format("{:.3f}", sum.cost.flops / 1e6),
               fmt::format("{:.1f} %", flops > 0 ? 100 * sum.cost.flops / flops : 0),
               fmt::format("{:.3f}", sum.cost.bytes / 1e6)});
  }
  return table.to_string();
}

}  // namespace

std::string graph_view(const Graph& graph, const graph::Interface& interface,
                       const NetRoles& roles) {
  std::vector<Work> work;
  for (const Op& op : graph.ops) work.push_back(work_of(graph, op));

  std::vector<std::set<int>> waits(graph.ops.size());
  for (const graph::Edge& edge : graph::find_edges(graph, interface)) {
    waits[static_cast<size_t>(edge.to)].insert(edge.from);
  }
  using enum Table::Align;
  Table ops({{"#", kRight},
             {"type"},
             {"inputs"},
             {"outputs"},
             {"type of outputs"},
             {"MFLOP", kRight},
             {"MB", kRight},
             {"after"}});
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    std::vector<std::string> types;
    for (const ValueId id : op.outputs) {
      types.push_back(id == graph::kNone ? "-" : type_text(graph.values[static_cast<size_t>(id)]));
    }
    ops.add({std::to_string(i), op.type(), value_names(graph, op.inputs),
             value_names(graph, op.outputs), fmt::format("{}", fmt::join(types, ", ")),
             work[i].known ? fmt::format("{:.3f}", work[i].cost.flops / 1e6) : "?",
             work[i].known ? fmt::format("{:.3f}", work[i].cost.bytes / 1e6) : "?",
             fmt::format("{}", fmt::join(waits[i], " "))});
  }
  Table inputs({{"input"}, {"type"}, {"use"}});
  for (const auto& input : interface.inputs) {
    inputs.add({input.name, type_text(graph.values[static_cast<size_t>(input.value)]),
                input.state ? "state" : "read"});
  }
  return summary(graph, interface, roles, work) + '\n' + type_table(graph, work) + '\n' +
         (inputs.empty() ? "" : inputs.to_string() + '\n') + ops.to_string();
}

}  // namespace headrace::tools
