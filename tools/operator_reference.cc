#include "tools/operator_reference.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/registry.h"

namespace headrace::tools {
namespace {

/// Text for a cell of a table: on one line, with nothing that would end the cell.
std::string cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

/// Lines that stand by themselves (formulas) stay so.
std::string paragraphs(const std::string& doc) {
  std::string text;
  for (size_t begin = 0; begin < doc.size();) {
    const size_t end = std::min(doc.find('\n', begin), doc.size());
    text += doc.substr(begin, end - begin) + (end < doc.size() ? "  \n" : "\n");
    begin = end + 1;
  }
  return text;
}

void append_operands(std::string& text, const char* title,
                     const std::vector<OpSchema::Operand>& operands,
                     const std::function<std::string(int)>& describe) {
  if (operands.empty()) return;
  text += fmt::format("\n| {} | |\n|---|---|\n", title);
  for (int i = 0; i < static_cast<int>(operands.size()); ++i) {
    const OpSchema::Operand& operand = operands[i];
    std::string about = describe(i);
    const char* trait = operand.repeated ? "any number" : operand.optional ? "optional" : "";
    if (*trait != '\0') about = about.empty() ? trait : fmt::format("{}; {}", trait, about);
    text += fmt::format("| `{}` | {} |\n", operand.name, cell(about));
  }
}

void append_arguments(std::string& text, const OpSchema& schema) {
  if (schema.args().empty()) return;
  text += "\n| argument | | |\n|---|---|---|\n";
  for (const ArgSpec& arg : schema.args()) {
    text += fmt::format("| `{}` | {} | {} |\n", arg.name, kind_and_default(arg), cell(arg.doc));
  }
}

std::string names(const std::vector<std::string>& all) {
  std::string text;
  for (const std::string& name : all) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", name);
  return text;
}

void append_notes(std::string& text, const OpSchema& schema) {
  std::vector<std::string> notes;
  for (const OpSchema::Alias& alias : schema.inplace_pairs()) {
    // The last operand may stand for many: its first pair says it for all.
    if (alias.output >= static_cast<int>(schema.outputs().size())) continue;
    notes.push_back(fmt::format("`{}` {} be in place of `{}`.", schema.outputs()[alias.output].name,
                                alias.enforced ? "must" : "may",
                                schema.inputs()[alias.input].name));
  }
  if (!schema.ignored().empty()) {
    notes.push_back(fmt::format("Accepted without effect: {}.", names(schema.ignored())));
  }
  if (schema.has_gradient()) {
    notes.push_back("Has a gradient.");
  } else if (!schema.type().ends_with("Gradient")) {
    notes.push_back(schema.stops_gradient() ? "No gradient flows through it."
                                            : "Has no gradient: a path of gradients through it is "
                                              "refused.");
  }
  if (schema.is_random()) {
    notes.push_back(
        "Its numbers follow from the seed, its own name and the number of the step alone, however "
        "many threads run; they are not Caffe2's, whose depend on the order of execution.");
  }
  for (const std::string& difference : schema.differences()) {
    notes.push_back("Unlike Caffe2: " + difference);
  }
  if (!notes.empty()) text += "\n";
  for (const std::string& note : notes) text += "- " + note + "\n";
}

std::string section(const OpSchema& schema) {
  std::string text = fmt::format("\n## {}\n\n{}", schema.type(), paragraphs(schema.doc()));
  append_operands(text, "input", schema.inputs(), [&](int i) { return schema.inputs()[i].doc; });
  append_operands(text, "output", schema.outputs(),
                  [&](int i) { return describe_output(schema, i); });
  append_arguments(text, schema);
  append_notes(text, schema);
  return text;
}

}  // namespace

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

std::string describe_output(const OpSchema& schema, int output) {
  const OpSchema::Operand& operand = schema.outputs()[output];
  if (!operand.doc.empty()) return operand.doc;
  for (const OpSchema::Alias& alias : schema.inplace_pairs()) {
    if (alias.output == output) return fmt::format("as {}", schema.inputs()[alias.input].name);
  }
  if (!operand.name.starts_with('d')) return "";
  for (const OpSchema::Operand& input : schema.inputs()) {
    if (operand.name == "d" + input.name) return fmt::format("gradient of {}, as it", input.name);
  }
  return "";
}

std::string operator_reference() {
  std::string text =
      "# Operators\n\n"
      "Written by `headrace ops --markdown` from the schemas; do not edit it by hand. Names, "
      "operands "
      "and arguments are Caffe2's. The kinds of argument are the fields of Caffe2's `Argument` "
      "message: `i` and `ints` are integers, `f` and `floats` numbers, `s` and `strings` texts, "
      "`n` a "
      "net. Three rules hold for all operators:\n\n"
      "- An argument in another field than its own, a shape that does not fit and a missing "
      "operand "
      "are errors before the net runs. Caffe2 notices some of them while it runs, and others "
      "never.\n"
      "- An argument that the operator does not know is ignored, as in Caffe2, with one warning "
      "that "
      "names the nearest one it knows; `--strict` refuses it.\n"
      "- Images may stand in either order in memory; `order` says what the operands of the net "
      "mean.\n";
  for (const std::string& type : operator_types()) {
    const OpSchema& schema = get_schema(type);
    if (!schema.is_plan_only()) text += section(schema);
  }
  return text;
}

}  // namespace headrace::tools
