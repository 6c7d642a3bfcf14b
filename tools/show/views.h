#pragma once

#include <string>

#include "core/net_roles.h"
#include "core/proto/net.pb.h"
#include "graph/graph.h"
#include "graph/passes.h"
#include "graph/plan.h"

namespace headrace::tools {

// What `headrace show` prints, as text that ends in a newline.

/// The program as it stands in the file: one line per operator with its arguments.
std::string net_view(const NetDef& net);

/// The steps of a plan of several nets, and its nets.
std::string steps_view(const PlanDef& plan);

/// Values with their types, costs and dependencies. Types are shown as far as they are known.
std::string graph_view(const graph::Graph& graph, const graph::Interface& interface,
                       const NetRoles& roles);

/// What is executed: widths, places in memory, the memory plan, the schedule.
std::string plan_view(const Plan& plan);

/// The same graphs for GraphViz.
std::string graph_dot(const graph::Graph& graph, const graph::Interface& interface);
std::string plan_dot(const Plan& plan);

}  // namespace headrace::tools
