#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "comm/cost.h"
#include "comm/launch_environment.h"
#include "comm/planned_world.h"
#include "core/atomic_file.h"
#include "core/proto/net_io.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/nets/loaded_net.h"
#include "tools/nets/net_flags.h"
#include "tools/show/views.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

struct ShowFlags {
  NetFlags net;
  ExecutionFlags execution;
  int world = 0;  // 0: as the net says
  int ranks_per_host = 1;
  int unroll = 1;
  std::string stage = "net";
  std::string dot;
};

/// The graph with all types that can be known without running anything, and what it shares with
/// the outside.
struct TypedGraph {
  graph::Graph graph;
  graph::Interface interface;
};

TypedGraph make_graph(const LoadedNet& net, const ShowFlags& flags, bool complete) {
  TypedGraph typed{graph::build_graph(net.net(), flags.execution.build()), {}};
  graph::infer_types(typed.graph, net.input_types(), complete);
  typed.interface = graph::find_interface(typed.graph, {});
  return typed;
}

/// What one stage looks like.
struct View {
  std::string text;
  std::string dot;  // only where it is asked for
};

/// Files that a stage does not look at may be wrong, which nobody should take for right.
void tell_unread(const NetFlags& flags) {
  std::vector<std::string> unread;
  if (!flags.inits.empty()) unread.emplace_back("--init");
  if (!flags.inputs.empty()) unread.emplace_back("--input");
  if (!flags.shapes.empty()) unread.emplace_back("--shapes");
  if (unread.empty()) return;
  spdlog::warn("{} not read: --stage net is the program as in the file; --stage graph has shapes",
               fmt::join(unread, ", "));
}

View view_net(const ShowFlags& flags) {
  const NetFile file = read_net_file(flags.net.net);
  View view{.text = file.plan ? steps_view(*file.plan) : net_view(file.net), .dot = {}};
  if (!flags.dot.empty()) {
    const TypedGraph typed = make_graph(LoadedNet(flags.net), flags, /*complete=*/false);
    view.dot = graph_dot(typed.graph, typed.interface);
  } else {
    tell_unread(flags.net);
  }
  return view;
}

View view_graph(const ShowFlags& flags) {
  const LoadedNet net(flags.net);
  const TypedGraph typed = make_graph(net, flags, /*complete=*/true);
  return {.text = graph_view(typed.graph, typed.interface, net.roles()),
          .dot = graph_dot(typed.graph, typed.interface)};
}

/// One common world, of as many ranks as the flag or the net says, for all handles that the net
/// communicates through.
graph::Worlds planned_worlds(const graph::Graph& graph, const NetRoles& roles, int size,
                             int ranks_per_host) {
  if (size == 0) size = static_cast<int>(roles.world_size);
  if (size == 0) return {};
  const auto costs = comm::environment_variable("HEADRACE_COSTS");
  const auto world = std::make_shared<comm::PlannedWorld>(
      size, costs ? comm::read_table(*costs) : comm::built_in_table("tcp"), ranks_per_host);
  graph::Worlds worlds;
  for (const graph::Op& op : graph.ops) {
    if (!op.schema->is_collective()) continue;
    const graph::Value& handle = graph.values[static_cast<size_t>(op.inputs.front())];
    if (handle.producer == graph::kNone) worlds.emplace(handle.name, world);
  }
  return worlds;
}

View view_plan(const ShowFlags& flags) {
  const LoadedNet net(flags.net);
  const ThreadPool pool(flags.execution.pool());
  const graph::Graph graph = graph::build_graph(net.net(), flags.execution.build());
  CompileOptions options = flags.execution.session(pool).compile;
  options.worlds = planned_worlds(graph, net.roles(), flags.world, flags.ranks_per_host);
  graph::InputTypes types = net.input_types();
  options.unroll.steps = flags.unroll;
  for (const auto& [name, desc] : net.roles().external_shapes) {
    if (!graph.slots.contains(name)) continue;
    options.unroll.fed.push_back(name);
    for (int step = 0; step < flags.unroll; ++step) {
      types.emplace(graph::step_name(name, step, flags.unroll), types.at(name));
    }
  }
  const auto plan = compile(graph, types, options);
  spdlog::info("compiled in {}", duration_text(plan->compile_ms * 1e-3));
  return {.text = plan_view(*plan), .dot = plan_dot(*plan)};
}

int show(const ShowFlags& flags) {
  const View view = flags.stage == "plan"    ? view_plan(flags)
                    : flags.stage == "graph" ? view_graph(flags)
                                             : view_net(flags);
  const bool only_dot = flags.dot == "-";
  fmt::print("{}", only_dot ? view.dot : view.text);
  if (!flags.dot.empty() && !only_dot) {
    AtomicFile file(flags.dot);
    file.write(view.dot);
    file.commit();
    spdlog::info("GraphViz: {}; 'dot -Tsvg' draws it", flags.dot);
  }
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<ShowFlags>();
  flags->net.add_to(app);
  app.add_option("--stage", flags->stage,
                 "'net': the program as in the file; 'graph': values with shapes, cost and "
                 "dependencies; 'plan': what is executed, with its memory")
      ->check(CLI::IsMember({"net", "graph", "plan"}));
  app.add_option("--world", flags->world,
                 "Ranks that a plan is for: algorithms depend on it, and collectives of all common "
                 "worlds become one group")
      ->check(whole_number(1))
      ->type_name("RANKS")
      ->default_str("what the net says");
  app.add_option("--ranks-per-host", flags->ranks_per_host,
                 "How many of them share a host, on all hosts alike; ranks are numbered host by "
                 "host")
      ->check(whole_number(1))
      ->type_name("RANKS");
  app.add_option("--unroll", flags->unroll,
                 "Plan so many iterations of a training net as one run, as train --unroll does")
      ->check(whole_number(1));
  app.add_option("--dot", flags->dot,
                 "Also write the graph of that stage for GraphViz; '-': to stdout, alone")
      ->type_name("FILE")
      ->default_str("");
  flags->execution.add_to(app);
  return [flags] { return show(*flags); };
}

const RegisterCommand kShow("show", "Print a net, its graph or its plan", set_up);

}  // namespace
}  // namespace headrace::tools
