#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace headrace {
class NetDef;
class OperatorDef;
}  // namespace headrace

namespace headrace::graph {

/// The kind of node an operator type is.
OpKind control_kind(const std::string& type);

/// Names that nested nets read from the net around them, and those that they write; each once, in
/// order of first appearance.
struct FreeNames {
  std::vector<std::string> reads;
  std::vector<std::string> writes;
};
FreeNames free_names(const NetDef& nested);
/// Of all nested nets of an If or While together, in the order in which they run; nothing for
/// another operator.
FreeNames free_names(const OperatorDef& def);

/// Names of all operands of `def`, the operator at `position` of `net` (which need not hold it any
/// more, but all behind it). For an If or While these are also the blobs of the
/// net around that its nets read or write without declaring it: those that they read or that exist
/// before (`known` says which), and what is read after it or is an output of the net. Since a
/// nested net may not run, what it would have written is read as well.
struct OperandNames {
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};
OperandNames operand_names(const OperatorDef& def, const NetDef& net, int position,
                           const std::function<bool(const std::string&)>& known);

/// The net in an argument of an If or While, null where it is absent. Its declarations of inputs
/// and outputs bind nobody: what it reads and leaves follows from the net around it.
std::unique_ptr<NetDef> nested_net(const OperatorDef& def, const std::string& arg);

/// What an operator touches outside its operands (see OpSchema::effect), operators of nested nets
/// included; each resource once.
std::vector<std::string> effects_of(const Op& op);

}  // namespace headrace::graph
