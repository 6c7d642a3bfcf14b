#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "tools/show/views.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

/// A string of GraphViz.
std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

const char* style_of(graph::EdgeKind kind) {
  switch (kind) {
    case graph::EdgeKind::kData:
      return "solid";
    case graph::EdgeKind::kAnti:
      return "dashed";
    case graph::EdgeKind::kOrder:
      return "dotted";
  }
  return "solid";
}

/// White for nothing, deep orange for the largest.
std::string colour_of(double cost, double largest) {
  const double share = largest > 0 ? cost / largest : 0;
  return fmt::format("0.08 {:.3f} 1.0", share);
}

class Dot {
 public:
  explicit Dot(const std::string& name) {
    text_ = fmt::format(
        "digraph {} {{\n  rankdir=TB;\n  node [shape=box, style=filled, fontname=\"sans-serif\", "
        "fontsize=10];\n  edge [fontname=\"sans-serif\", fontsize=8];\n",
        quote(name));
  }

  void op(int id, const std::string& label, const std::string& colour) {
    text_ += fmt::format("  op{} [label={}, fillcolor=\"{}\"];\n", id, quote(label), colour);
  }
  void blob(const std::string& name, const std::string& label) {
    text_ += fmt::format("  {} [label={}, shape=ellipse, fillcolor=\"0.58 0.12 1.0\"];\n",
                         quote("blob " + name), quote(label));
  }
  void from_blob(const std::string& name, int to) {
    text_ += fmt::format("  {} -> op{};\n", quote("blob " + name), to);
  }
  void to_blob(int from, const std::string& name) {
    text_ += fmt::format("  op{} -> {};\n", from, quote("blob " + name));
  }
  void edge(int from, int to, const std::string& label, const char* style) {
    text_ += fmt::format("  op{} -> op{} [label={}, style={}];\n", from, to, quote(label), style);
  }
  std::string finish() { return text_ + "}\n"; }

 private:
  std::string text_;
};

/// Names and types of what flows from one operator to another.
std::string flow_label(const graph::Graph& graph, int from, int to) {
  const graph::Op& target = graph.ops[static_cast<size_t>(to)];
  std::string label;
  std::set<graph::ValueId> seen;
  for (const graph::ValueId id : target.inputs) {
    if (id == graph::kNone || !seen.insert(id).second) continue;
    const graph::Value& value = graph.values[static_cast<size_t>(id)];
    if (value.producer != from) continue;
    label += (label.empty() ? "" : "\n") + value.name;
    if (value.type.shape) label += " " + value.type.shape->to_string();
  }
  return label;
}

void add_interface(Dot& dot, const graph::Graph& graph, const graph::Interface& interface) {
  const auto label = [&](const std::string& name, graph::ValueId id) {
    const TensorType& type = graph.values[static_cast<size_t>(id)].type;
    return type.complete() ? name + "\n" + type.to_string() : name;
  };
  std::set<std::string> drawn;
  for (const auto& input : interface.inputs) {
    const auto& consumers = graph.values[static_cast<size_t>(input.value)].consumers;
    if (consumers.empty()) continue;
    if (drawn.insert(input.name).second) dot.blob(input.name, label(input.name, input.value));
    for (const graph::OpId consumer : consumers) dot.from_blob(input.name, consumer);
  }
  for (const auto& [name, id] : interface.outputs) {
    const graph::OpId producer = graph.values[static_cast<size_t>(id)].producer;
    if (producer == graph::kNone) continue;
    if (drawn.insert(name).second) dot.blob(name, label(name, id));
    dot.to_blob(producer, name);
  }
}

std::string op_label(const graph::Op& op) {
  return op.name.empty() ? op.type() : op.type() + "\n" + op.name;
}

}  // namespace

std::string graph_dot(const graph::Graph& graph, const graph::Interface& interface) {
  Dot dot(graph.name);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    dot.op(static_cast<int>(i), op_label(graph.ops[i]), "0 0 0.95");
  }
  add_interface(dot, graph, interface);
  for (const graph::Edge& edge : graph::find_edges(graph, interface)) {
    dot.edge(edge.from, edge.to, flow_label(graph, edge.from, edge.to), style_of(edge.kind));
  }
  return dot.finish();
}

std::string plan_dot(const Plan& plan) {
  Dot dot(plan.graph.name);
  double largest = 0;
  for (const PlanNode& node : plan.nodes) largest = std::max(largest, node.cost_ns);
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlanNode& node = plan.nodes[i];
    dot.op(static_cast<int>(i),
           fmt::format("{}\n{} at width {}", op_label(plan.graph.ops[i]),
                       duration_text(node.cost_ns * 1e-9), node.width),
           colour_of(node.cost_ns, largest));
  }
  add_interface(dot, plan.graph, plan.interface);
  for (const graph::Edge& edge : plan.edges) {
    dot.edge(edge.from, edge.to, flow_label(plan.graph, edge.from, edge.to), style_of(edge.kind));
  }
  return dot.finish();
}

}  // namespace headrace::tools
