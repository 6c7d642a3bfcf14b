#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/registry.h"
#include "tools/command.h"
#include "tools/operator_reference.h"

namespace headrace::tools {
namespace {

struct OpsOptions {
  std::vector<std::string> names;
  bool markdown = false;
};

std::string first_sentence(const std::string& doc) {
  const std::string line = doc.substr(0, doc.find('\n'));
  const size_t end = line.find(". ");
  return end == line.npos ? line : line.substr(0, end + 1);
}

void print_operands(const char* title, const std::vector<OpSchema::Operand>& operands) {
  if (operands.empty()) return;
  fmt::print("\n{}\n", title);
  for (const auto& operand : operands) {
    const char* trait = operand.repeated ? " (any number)" : operand.optional ? " (optional)" : "";
    fmt::print("  {}{}{}{}\n", operand.name, trait, operand.doc.empty() ? "" : ": ", operand.doc);
  }
}

void print_args(const OpSchema& schema) {
  if (schema.args().empty()) return;
  fmt::print("\nArguments\n");
  for (const ArgSpec& arg : schema.args()) {
    fmt::print("  {} ({}){}\n", arg.name, kind_and_default(arg),
               arg.doc.empty() ? "" : ": " + arg.doc);
  }
}

void print_schema(const OpSchema& schema) {
  fmt::print("{}\n{}\n", schema.type(), schema.doc());
  print_operands("Inputs", schema.inputs());
  print_operands("Outputs", schema.outputs());
  print_args(schema);
  if (!schema.inplace_pairs().empty()) fmt::print("\nIn place\n");
  for (const auto& alias : schema.inplace_pairs()) {
    if (alias.output >= static_cast<int>(schema.outputs().size())) continue;  // as the pair before
    fmt::print("  output {} {} overwrite input {}\n", alias.output, alias.enforced ? "must" : "may",
               alias.input);
  }
  if (schema.has_gradient()) fmt::print("\nHas a gradient.\n");
  if (!schema.differences().empty()) fmt::print("\nUnlike Caffe2\n");
  for (const std::string& difference : schema.differences()) fmt::print("  {}\n", difference);
}

int list_operators(const OpsOptions& options) {
  if (options.markdown) {
    fmt::print("{}", operator_reference());
    return kOk;
  }
  if (!options.names.empty()) {
    for (const std::string& name : options.names) print_schema(get_schema(name));
    return kOk;
  }
  for (const std::string& type : operator_types()) {
    fmt::print("{:<34} {}\n", type, first_sentence(get_schema(type).doc()));
  }
  return kOk;
}

Action set_up(CLI::App& flags) {
  auto options = std::make_shared<OpsOptions>();
  flags.add_option("NAME", options->names, "Operator types to describe; all are listed if none")
      ->default_str("");
  flags.add_flag("--markdown", options->markdown, "All of them as one Markdown document")
      ->excludes("NAME");
  return [options] { return list_operators(*options); };
}

const RegisterCommand kOps("ops", "List the operators, or describe some of them", set_up);

}  // namespace
}  // namespace headrace::tools
