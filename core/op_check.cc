#include "core/op_check.h"

#include <fmt/format.h>

#include "core/proto/net.pb.h"

namespace headrace {
namespace {

std::string wanted(int least, int most) {
  if (least == most) return fmt::format("{}", least);
  if (most == OpSchema::kMany) return fmt::format("at least {}", least);
  return fmt::format("{} to {}", least, most);
}

/// "Sum takes at least 1 inputs (X), found 0", or "".
std::string count_problem(const OpSchema& schema, const char* verb, const char* what, int least,
                          int most, int found, const std::vector<OpSchema::Operand>& operands) {
  if (found >= least && found <= most) return "";
  std::string names;
  for (const OpSchema::Operand& operand : operands) {
    names += (names.empty() ? "" : ", ") + operand.name + (operand.repeated ? "..." : "");
  }
  return fmt::format("{} {} {} {}{}, found {}", schema.type(), verb, wanted(least, most), what,
                     names.empty() ? "" : " (" + names + ")", found);
}

}  // namespace

std::vector<std::string> operator_problems(const OpSchema& schema, const OperatorDef& def) {
  std::vector<std::string> problems;
  auto add = [&](std::string problem) {
    if (!problem.empty()) problems.push_back(std::move(problem));
  };
  add(count_problem(schema, "takes", "inputs", schema.min_inputs(), schema.max_inputs(),
                    def.input_size(), schema.inputs()));
  add(count_problem(schema, "makes", "outputs", schema.min_outputs(), schema.max_outputs(),
                    def.output_size(), schema.outputs()));
  for (const OpSchema::Alias& alias : schema.inplace_pairs()) {
    if (!alias.enforced || alias.input >= def.input_size() || alias.output >= def.output_size()) {
      continue;
    }
    if (def.input(alias.input) != def.output(alias.output)) {
      add(
          fmt::format("output {} of {} updates input {} in place and must have its name '{}', "
                      "found '{}'",
                      alias.output, schema.type(), alias.input, def.input(alias.input),
                      def.output(alias.output)));
    }
  }
  for (std::string& problem : Args(schema, def).problems()) add(std::move(problem));
  return problems;
}

}  // namespace headrace
