#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace headrace {
class OperatorDef;
}

namespace headrace::graph {

/// The kind of node an operator type is.
OpKind control_kind(const std::string& type);

/// Names that the nested nets of an If or While read from the net around them, and those that they
/// write; each once, in order of first appearance.
struct FreeNames {
  std::vector<std::string> reads;
  std::vector<std::string> writes;
};
FreeNames free_names(const OperatorDef& def);

}  // namespace headrace::graph
