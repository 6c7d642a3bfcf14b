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
             "it are visible inside; what the nested nets write there is written outside.")
        .input("condition", "one bool")
        .repeated_input("inputs", 0, "further blobs that the nested nets read")
        .repeated_output("outputs", 0)
        .required_arg("then_net", ArgKind::kNet)
        .optional_arg("else_net", ArgKind::kNet)
        .no_gradient());

const RegisterOperator while_schema(
    OpSchema("While")
        .doc("Runs cond_net (if given) and then loop_net as long as the condition holds.")
        .input("condition", "one bool")
        .repeated_input("inputs", 0, "further blobs that the nested nets read")
        .repeated_output("outputs", 0)
        .required_arg("loop_net", ArgKind::kNet)
        .optional_arg("cond_net", ArgKind::kNet)
        .no_gradient());

void append_once(std::vector<std::string>& names, const std::string& name) {
  if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

void collect(const NetDef& net, FreeNames& free) {
  std::set<std::string> written;
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

}  // namespace

OpKind control_kind(const std::string& type) {
  if (type == "If") return OpKind::kIf;
  if (type == "While") return OpKind::kWhile;
  return OpKind::kOperator;
}

FreeNames free_names(const OperatorDef& def) {
  FreeNames free;
  if (control_kind(def.type()) == OpKind::kOperator) return free;
  for (const Argument& arg : def.arg()) {
    if (arg.has_n()) collect(arg.n(), free);
    for (const NetDef& net : arg.nets()) collect(net, free);
  }
  return free;
}

}  // namespace headrace::graph
