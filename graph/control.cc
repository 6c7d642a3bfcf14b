#include "graph/control.h"

#include <algorithm>
#include <set>

#include "core/proto/net.pb.h"
#include "core/registry.h"

namespace headrace::graph {
namespace {

const RegisterOperator if_schema(
    OpSchema("If")
        .doc("Runs then_net when the condition holds, else_net otherwise. Blobs of the net around "
             "it are visible inside; what the nested nets write there is written outside.\n"
             "A blob that only the other net would have written keeps what it held before.")
        .input("condition", "one bool")
        .repeated_input("inputs", 0, "further blobs that the nested nets read")
        .repeated_output("outputs", 0, "blobs that the nested nets make")
        .required_arg("then_net", ArgKind::kNet)
        .optional_arg("else_net", ArgKind::kNet));

const RegisterOperator while_schema(
    OpSchema("While")
        .doc("Runs cond_net (if given) and then loop_net as long as the condition holds. Blobs of "
             "the net around it are visible inside; what the nested nets write there is written "
             "outside, and what they write is there in the next round.")
        .input("condition", "one bool")
        .repeated_input("inputs", 0, "further blobs that the nested nets read")
        .repeated_output("outputs", 0, "blobs that the nested nets make")
        .required_arg("loop_net", ArgKind::kNet)
        .optional_arg("cond_net", ArgKind::kNet));

void append_once(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

std::vector<const NetDef*> nested_nets(const OperatorDef& def) {
  std::vector<const NetDef*> nets;
  for (const Argument& arg : def.arg()) {
    if (arg.has_n()) nets.push_back(&arg.n());
    for (const NetDef& net : arg.nets()) nets.push_back(&net);
  }
  return nets;
}

void collect_effects(const OperatorDef& def, std::vector<std::string>& effects) {
  const OpSchema* schema = find_schema(def.type());
  if (schema != nullptr && !schema->effect_resource().empty()) {
    append_once(effects, schema->effect_resource());
  }
  if (control_kind(def.type()) == OpKind::kOperator) return;
  for (const NetDef* net : nested_nets(def)) {
    for (const OperatorDef& op : net->op()) collect_effects(op, effects);
  }
}

/// `written`: names that have been made where the net runs, and then also those that it makes.
void collect(const NetDef& net, FreeNames& free, std::set<std::string>& written) {
  for (const OperatorDef& op : net.op()) {
    auto read = [&](const std::string& name) {
      if (!written.contains(name)) append_once(free.reads, name);
    };
    for (const std::string& name : op.input()) read(name);
    FreeNames nested = free_names(op);
    for (const std::string& name : nested.reads) read(name);
    auto write = [&](const std::string& name) {
      written.insert(name);
      append_once(free.writes, name);
    };
    for (const std::string& name : op.output()) write(name);
    for (const std::string& name : nested.writes) write(name);
  }
}

/// What operators behind `position` read, and what leaves the net.
std::set<std::string> read_after(const NetDef& net, int position) {
  std::set<std::string> names(net.external_output().begin(), net.external_output().end());
  for (int i = position + 1; i < net.op_size(); ++i) {
    names.insert(net.op(i).input().begin(), net.op(i).input().end());
    for (const std::string& name : free_names(net.op(i)).reads) names.insert(name);
  }
  return names;
}

}  // namespace

OpKind control_kind(const std::string& type) {
  if (type == "If") return OpKind::kIf;
  if (type == "While") return OpKind::kWhile;
  return OpKind::kOperator;
}

FreeNames free_names(const NetDef& nested) {
  FreeNames free;
  std::set<std::string> written;
  collect(nested, free, written);
  return free;
}

FreeNames free_names(const OperatorDef& def) {
  FreeNames free;
  if (control_kind(def.type()) == OpKind::kOperator) return free;
  std::set<std::string> made;  // by the net of the condition: it runs before the body does
  for (const Argument& arg : def.arg()) {
    if (arg.name() == "cond_net" && arg.has_n()) collect(arg.n(), free, made);
  }
  for (const NetDef* net : nested_nets(def)) {
    std::set<std::string> written = made;
    collect(*net, free, written);
  }
  return free;
}

OperandNames operand_names(const OperatorDef& def, const NetDef& net, int position,
                           const std::function<bool(const std::string&)>& known) {
  OperandNames names{{def.input().begin(), def.input().end()},
                     {def.output().begin(), def.output().end()}};
  if (control_kind(def.type()) == OpKind::kOperator) return names;
  const FreeNames free = free_names(def);
  for (const std::string& name : free.reads) append_once(names.inputs, name);
  const std::set<std::string> after = read_after(net, position);
  for (const std::string& name : free.writes) {
    const bool read = std::ranges::find(free.reads, name) != free.reads.end();
    if (read || known(name) || after.contains(name)) append_once(names.outputs, name);
  }
  for (const std::string& name : names.outputs) {
    if (known(name)) append_once(names.inputs, name);
  }
  return names;
}

std::unique_ptr<NetDef> nested_net(const OperatorDef& def, const std::string& arg) {
  for (const Argument& given : def.arg()) {
    if (given.name() != arg || !given.has_n()) continue;
    auto net = std::make_unique<NetDef>(given.n());
    net->clear_external_input();
    net->clear_external_output();
    if (net->name().empty()) net->set_name(arg);
    return net;
  }
  return nullptr;
}

std::vector<std::string> effects_of(const Op& op) {
  std::vector<std::string> effects;
  if (op.kind == OpKind::kOperator) {
    if (!op.schema->effect_resource().empty()) effects.push_back(op.schema->effect_resource());
  } else {
    collect_effects(*op.def, effects);
  }
  return effects;
}

}  // namespace headrace::graph
