#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/registry.h"
#include "tools/show/views.h"
#include "tools/text/table.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

/// Long lists (weights) are counted, not shown.
template <typename List>
std::string list_text(const List& list) {
  constexpr int kMost = 8;
  if (list.size() > kMost) return fmt::format("[{} values]", count_text(list.size()));
  return fmt::format("[{}]", fmt::join(list, ","));
}

std::string value_text(const Argument& arg) {
  if (arg.has_i()) return std::to_string(arg.i());
  if (arg.has_f()) return fmt::format("{}", arg.f());
  if (arg.has_s()) return "'" + arg.s() + "'";
  if (arg.has_n())
    return fmt::format("net '{}' of {}", arg.n().name(), plural(arg.n().op_size(), "operator"));
  if (arg.ints_size() > 0) return list_text(arg.ints());
  if (arg.floats_size() > 0) return list_text(arg.floats());
  if (arg.strings_size() > 0) return list_text(arg.strings());
  if (arg.nets_size() > 0) return fmt::format("[{}]", plural(arg.nets_size(), "net"));
  if (arg.has_t()) return "a tensor";
  if (arg.tensors_size() > 0) return fmt::format("[{}]", plural(arg.tensors_size(), "tensor"));
  return "[]";
}

std::string args_text(const google::protobuf::RepeatedPtrField<Argument>& args) {
  std::string text;
  for (const Argument& arg : args) {
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", arg.name(), value_text(arg));
  }
  return text;
}

std::string type_counts(const NetDef& net) {
  std::map<std::string, int> counts;
  for (const OperatorDef& op : net.op()) ++counts[op.type()];
  std::vector<std::pair<int, std::string>> ranked;
  for (const auto& [type, count] : counts) ranked.emplace_back(-count, type);
  std::ranges::sort(ranked);
  std::string text;
  for (const auto& [count, type] : ranked) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", -count, type);
  }
  return text;
}

/// Types of operators that there are none of, those of nested nets included.
std::set<std::string> missing_types(const NetDef& net) {
  std::set<std::string> types;
  for (const OperatorDef& op : net.op()) {
    if (find_schema(op.type()) == nullptr) types.insert(op.type());
    for (const Argument& arg : op.arg()) {
      if (arg.has_n()) types.merge(missing_types(arg.n()));
      for (const NetDef& nested : arg.nets()) types.merge(missing_types(nested));
    }
  }
  return types;
}

/// "title (2): a, b", over as many lines as it takes.
template <typename List>
std::string name_list(const char* title, const List& names) {
  constexpr size_t kWidth = 100;
  std::string text = fmt::format("{} ({}):", title, names.size());
  size_t column = text.size();
  for (const std::string& name : names) {
    if (column + 1 + name.size() > kWidth) {
      text += "\n ";
      column = 1;
    }
    text += " " + name;
    column += 1 + name.size();
  }
  return text + '\n';
}

}  // namespace

std::string net_view(const NetDef& net) {
  std::string text = fmt::format("net '{}': {}{}\n", net.name(), plural(net.op_size(), "operator"),
                                 net.type().empty() ? "" : fmt::format(", type '{}'", net.type()));
  text += fmt::format("  {}\n", type_counts(net));
  if (const std::set<std::string> missing = missing_types(net); !missing.empty()) {
    text += fmt::format("  not in this headrace, so that the net cannot run: {}\n",
                        fmt::join(missing, ", "));
  }
  for (const Argument& arg : net.arg()) {
    text += fmt::format("  {} = {}\n", arg.name(), value_text(arg));
  }
  text += name_list("external inputs", net.external_input());
  text += name_list("external outputs", net.external_output()) + '\n';
  Table table({{"#", Table::Align::kRight}, {"type"}, {"inputs"}, {"outputs"}, {"arguments"}});
  int position = 0;
  for (const OperatorDef& op : net.op()) {
    std::string inputs = fmt::format("{}", fmt::join(op.input(), " "));
    if (op.control_input_size() > 0) {
      inputs += fmt::format(" (after {})", fmt::join(op.control_input(), " "));
    }
    table.add({std::to_string(position++), op.type(), inputs,
               fmt::format("{}", fmt::join(op.output(), " ")), args_text(op.arg())});
  }
  return text + table.to_string();
}

}  // namespace headrace::tools
