#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "core/registry.h"
#include "tools/command.h"

namespace headrace::tools {
namespace {

struct OpsOptions {
  std::vector<std::string> names;
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

/// "int, 3 by default", "string, required", "ints, optional".
std::string kind_and_default(const ArgSpec& arg) {
  const std::string kind(name_of(arg.kind));
  if (arg.required) return kind + ", required";
  if (const auto* i = std::get_if<int64_t>(&arg.default_value)) {
    return fmt::format("{}, {} by default", kind, *i);
  }
  if (const auto* f = std::get_if<float>(&arg.default_value)) {
    return fmt::format("{}, {} by default", kind, *f);
  }
  if (const auto* s = std::get_if<std::string>(&arg.default_value)) {
    return fmt::format("{}, '{}' by default", kind, *s);
  }
  return kind + ", optional";
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
    fmt::print("  output {} {} overwrite input {}\n", alias.output, alias.enforced ? "must" : "may",
               alias.input);
  }
  if (schema.has_gradient()) fmt::print("\nHas a gradient.\n");
}

int list_operators(const OpsOptions& options) {
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
  return [options] { return list_operators(*options); };
}

const RegisterCommand kOps("ops", "List the operators, or describe some of them", set_up);

}  // namespace
}  // namespace headrace::tools
