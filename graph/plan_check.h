#pragma once

#include <functional>
#include <string>

namespace headrace {

class PlanDef;

namespace graph {

/// Throws one Error (kInvalidNet) that lists everything wrong with the steps of a plan. What is
/// given and has no effect is told to `warn`, a line each.
void check_plan(const PlanDef& plan, const std::function<void(const std::string&)>& warn);

}  // namespace graph
}  // namespace headrace
