#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/rng.h"
#include "graph/plan.h"
#include "graph/problems.h"
#include "graph/stream_kernel.h"

namespace headrace {
namespace {

using graph::Graph;
using graph::kNone;
using graph::Op;
using graph::OpId;
using graph::Value;
using graph::ValueId;

/// What one core of a current server does, as far as choices in a plan depend on it. Fixed numbers,
/// not measurements: every rank and every run must plan alike.
constexpr double kFlopsPerNs = 40;
constexpr double kBytesPerNs = 8;
constexpr double kFixedNs = 200;
/// The same of a GPU, of which a kernel always has the whole.
constexpr double kGpuFlopsPerNs = 30'000;
constexpr double kGpuBytesPerNs = 2'000;
constexpr double kGpuFixedNs = 5'000;
/// Below this, handing parts to other threads costs more than it gains.
constexpr double kWorthSplittingNs = 12'000;

class Compiler {
 public:
  Compiler(const Graph& graph, const CompileOptions& options)
      : plan_(std::make_shared<Plan>()), graph_(plan_->graph) {
    plan_->graph = graph;
    plan_->options = options;
    graph::unroll(graph_, plan_->options);
  }

  std::shared_ptr<Plan> compile(const graph::InputTypes& inputs) {
    graph::infer_types(graph_, inputs, /*complete=*/true);
    plan_->interface = graph::find_interface(graph_, plan_->options.readable);
    rewrite();
    describe_values();
    plan_->edges = graph::find_edges(graph_, plan_->interface);
    prepare_nodes();
    plan_memory();
    build_schedule();
    return plan_;
  }

 private:
  void rewrite() {
    graph::guard_losses(graph_, plan_->options.finite, plan_->interface);
    graph::place_devices(graph_, plan_->interface);
    graph::protect_state(graph_, plan_->interface);
    graph::split_operators(graph_);
    graph::prune(graph_, plan_->interface);
    if (plan_->options.channels_last) graph::assign_layouts(graph_, plan_->interface);
    graph::pace_steps(graph_);
    graph::form_buckets(graph_, plan_->interface, plan_->options.worlds, plan_->options.buckets);
  }

  void describe_values() {
    for (const Value& value : graph_.values) {
      TensorDesc desc;
      if (!value.handle && value.type.complete() && !is_made_string(value)) {
        desc = {value.type.dtype, *value.type.shape, value.layout};
      }
      plan_->descs.push_back(desc);
    }
  }

  /// Strings are no plain bytes that an arena could hold: their tensors are made during the run.
  bool is_made_string(const Value& value) const {
    return value.type.dtype == DType::kString && value.producer != kNone &&
           !plan_->interface.is_state(value.name);
  }

  /// Nodes that have no kernel, or none before their operands are there.
  bool is_dynamic(const Op& op) const {
    if (op.kind != graph::OpKind::kOperator) return true;
    auto unknown = [&](ValueId id) {
      return id != kNone && !graph_.values[id].handle &&
             plan_->descs[id].dtype == DType::kUndefined;
    };
    return std::ranges::any_of(op.inputs, unknown) || std::ranges::any_of(op.outputs, unknown);
  }

  std::vector<TensorDesc> descs_of(const std::vector<ValueId>& values) const {
    std::vector<TensorDesc> descs;
    for (ValueId id : values) descs.push_back(id == kNone ? TensorDesc{} : plan_->descs[id]);
    return descs;
  }

  /// Whether an edge holds as soon as its source has been issued: a device has one stream in a run,
  /// which keeps the order. Not so where the source makes a value in host memory, which the target
  /// may read when it is launched.
  bool kept_by_stream(const graph::Edge& edge) const {
    const Op& from = graph_.ops[edge.from];
    const Op& to = graph_.ops[edge.to];
    return !from.device.is_cpu() && from.device == to.device &&
           std::ranges::none_of(to.inputs, [&](ValueId id) {
             return graph_.values[id].producer == edge.from && graph_.values[id].device.is_cpu();
           });
  }

  /// The operators on streams whose end somebody waits for.
  std::vector<bool> awaited_on_streams() const {
    std::vector<bool> awaited(graph_.ops.size(), false);
    for (const graph::Edge& edge : plan_->edges) {
      if (!graph_.ops[edge.from].device.is_cpu() && !kept_by_stream(edge)) {
        awaited[edge.from] = true;
      }
    }
    return awaited;
  }

  void prepare_nodes() {
    graph::Problems problems(graph_.name);
    const std::vector<bool> awaited = awaited_on_streams();
    for (OpId id = 0; id < static_cast<OpId>(graph_.ops.size()); ++id) {
      const Op& op = graph_.ops[id];
      PlanNode node;
      node.random_key =
          random_key(op.repetition == 0 ? op.name : fmt::format("{}\n{}", op.name, op.repetition));
      for (size_t i = 0; i < op.outputs.size(); ++i) {
        if (op.outputs[i] == kNone) continue;
        node.wanted |= uint64_t{1} << i;
        node.writes_state |= plan_->interface.is_state(graph_.values[op.outputs[i]].name);
      }
      try {
        if (!is_dynamic(op)) {
          prepare(op, node);
          if (!op.device.is_cpu()) node.kernel = on_stream(std::move(node.kernel), awaited[id]);
        } else {
          require(op.device.is_cpu(), ErrorCode::kUnsupported,
                  "a shape is known only during the run, which works on the CPU alone: leave {} "
                  "out of the device_option",
                  op.device.to_string());
        }
      } catch (const Error& error) {
        problems.add(graph_.locate(op), error.message());
      }
      plan_->nodes.push_back(std::move(node));
    }
    problems.throw_if_any();
  }

  void prepare(const Op& op, PlanNode& node) {
    const Args args = op.args();
    const std::vector<TensorDesc> inputs = descs_of(op.inputs);
    const std::vector<TensorDesc> outputs = descs_of(op.outputs);
    node.cost = op.schema->estimate({args, inputs, outputs});
    if (op.device.is_cpu()) {
      const double work_ns = std::max(node.cost.flops / kFlopsPerNs, node.cost.bytes / kBytesPerNs);
      node.width = work_ns >= kWorthSplittingNs ? plan_->options.threads : 1;
      node.cost_ns = kFixedNs + work_ns / node.width;
    } else {
      node.cost_ns = kGpuFixedNs +
                     std::max(node.cost.flops / kGpuFlopsPerNs, node.cost.bytes / kGpuBytesPerNs);
    }
    node.kernel = prepare_kernel({.schema = *op.schema,
                                  .args = args,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .wanted = node.wanted,
                                  .width = node.width,
                                  .device = op.device});
    if (plan_->options.replace_kernel) {
      node.kernel = plan_->options.replace_kernel(op, std::move(node.kernel));
    }
    node.scratch_bytes = node.kernel->scratch_bytes();
    const int packed = node.kernel->packed_input();
    if (packed >= 0) node.packed_input = read_only_input(op.inputs.at(packed));
  }

  /// The index of the input that a value comes from, when nothing in this net changes it.
  int read_only_input(ValueId id) const {
    const auto& inputs = plan_->interface.inputs;
    auto found = std::ranges::find(inputs, id, &graph::Interface::Input::value);
    if (found == inputs.end() || found->state) return kNone;
    return static_cast<int>(found - inputs.begin());
  }

  void plan_memory() {
    std::vector<std::pair<int, int>> pairs;
    for (const graph::Edge& edge : plan_->edges) pairs.emplace_back(edge.from, edge.to);
    // A serial plan knows its one order, and memory may rely on it: on the CPU alone, because work
    // on a stream has only begun when the next operator does.
    if (plan_->options.serial && graph::find_devices(graph_).size() == 1) {
      for (int id = 1; id < static_cast<int>(graph_.ops.size()); ++id)
        pairs.emplace_back(id - 1, id);
    }
    const graph::Reachability order(static_cast<int>(graph_.ops.size()), pairs);
    std::vector<size_t> scratch;
    for (const PlanNode& node : plan_->nodes) scratch.push_back(node.scratch_bytes);
    plan_->storage = graph::plan_storage(graph_, plan_->interface, order, scratch);
  }

  void build_schedule() {
    std::vector<ScheduleNode> nodes;
    for (OpId id = 0; id < static_cast<OpId>(graph_.ops.size()); ++id) {
      const PlanNode& node = plan_->nodes[id];
      NodeKind kind = NodeKind::kInline;
      const Op& op = graph_.ops[id];
      if (op.schema->blocks() || op.kind != graph::OpKind::kOperator ||
          graph::is_dynamic_collective(graph_, op)) {
        kind = NodeKind::kBlocking;
      }
      if (dynamic_cast<const AsyncKernel*>(node.kernel.get()) != nullptr) kind = NodeKind::kAsync;
      nodes.push_back({.cost_ns = node.cost_ns,
                       .kind = kind,
                       .collective = op.schema->is_collective(),
                       .step = op.step});
    }
    std::vector<ScheduleEdge> edges;
    for (const graph::Edge& edge : plan_->edges) {
      edges.push_back({.from = edge.from,
                       .to = edge.to,
                       .wait = kept_by_stream(edge) ? EdgeWait::kIssued : EdgeWait::kDone});
    }
    plan_->schedule = headrace::build_schedule(
        nodes, edges, [&](int id) { return graph::describe(graph_.locate(graph_.ops[id])); });
    graph::place_collectives(*plan_);
  }

  std::shared_ptr<Plan> plan_;
  Graph& graph_;
};

}  // namespace

std::shared_ptr<const Plan> compile(const Graph& graph, const graph::InputTypes& inputs,
                                    const CompileOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  require(options.threads >= 1, ErrorCode::kInvalidArgument,
          "a plan needs at least one thread, found {}", options.threads);
  std::shared_ptr<Plan> plan = Compiler(graph, options).compile(inputs);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  plan->compile_ms = took.count();
  return plan;
}

std::shared_ptr<const Plan> compile(NetDef net, const graph::InputTypes& inputs,
                                    const CompileOptions& options) {
  return compile(graph::build_graph(std::move(net), {.warn = options.warn}), inputs, options);
}

}  // namespace headrace
