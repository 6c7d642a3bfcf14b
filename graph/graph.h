#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/args.h"
#include "core/device.h"
#include "core/error.h"
#include "core/op_schema.h"
#include "core/tensor.h"

namespace headrace::graph {

using ValueId = int;
using OpId = int;
inline constexpr int kNone = -1;

/// One assignment to a name: the n-th value that the name takes when the net is read from top to
/// bottom. Written once, by `producer`, or given from outside (producer == kNone).
struct Value {
  std::string name;
  int version = 0;
  OpId producer = kNone;
  std::vector<OpId> consumers;  // each operator once, in net order
  bool handle = false;          // a mutex, reader, ...: no tensor
  TensorType type;              // as far as inference knows
  Layout layout = Layout::kPlain;
  Device device;  // where its elements are; place_devices decides
};

/// kIf and kWhile are nodes of the graph, not kernels: their nets' free names are explicit inputs,
/// the outer names that they write are outputs.
enum class OpKind : uint8_t { kOperator, kIf, kWhile };

/// One node: an operator of the net, or one that a pass made (then it need not exist in any net).
struct Op {
  OpKind kind = OpKind::kOperator;
  const OpSchema* schema = nullptr;
  std::shared_ptr<const OperatorDef> def;  // arguments; shared by the parts of a split operator
  int position = kNone;                    // in the net; kNone for operators that a pass made
  int origin = kNone;                      // the parts of a split operator share it
  int step = 0;                            // of an unrolled net: see unroll.h
  std::string name;                        // of the operator, or of its first output
  int repetition = 0;                      // random operators of this name before it in the net
  Device device;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;  // kNone: nobody reads it, do not compute it
  std::vector<int> after;        // control inputs: origins of operators to wait for

  Args args() const { return Args(*schema, *def); }
  const std::string& type() const { return schema->type(); }
};

/// A slot is what a name is outside the net: its first value if the net reads it before writing it,
/// and its last.
struct SlotUse {
  ValueId first = kNone;  // the value that comes from outside, or kNone
  ValueId last = kNone;   // what the name holds at the end
};

/// A net as values and operators by id. A value type: passes take one and return another.
class Graph {
 public:
  std::string name;
  std::shared_ptr<const NetDef> header;  // the net without its operators: arguments, type, hints
  std::vector<Op> ops;                   // in an order that respects all dependencies
  std::vector<Value> values;
  std::map<std::string, SlotUse, std::less<>> slots;
  std::vector<std::string> external_inputs;   // as declared
  std::vector<std::string> external_outputs;  // as declared
  int origins = 0;                            // how many were given out
  int steps = 1;                              // of the net that it was built from: see unroll.h

  /// The value a name holds at the end; kNone when the net does not know the name.
  ValueId last(std::string_view name) const;
  /// Where an operator stands, for error messages.
  OpLocation locate(const Op& op) const;
  /// An operator of a pass's own making on the given operands, for example a Reorder. `step` is
  /// that of the operator it is made for.
  Op make_op(std::string_view type, int step, Device device, std::vector<ValueId> inputs,
             std::vector<ValueId> outputs);
  /// Appends a value that `producer` writes.
  ValueId add_value(Value value);
  /// Rebuilds producers and consumers from the operators, after dropping those without a schema
  /// (how a pass removes one). Operator ids change.
  void relink();
};

struct BuildOptions {
  /// Refuse arguments that no schema declares (nets made by builders) instead of warning.
  bool strict = false;
  /// Receives one line per oddity that is tolerated, e.g. an unknown argument with the nearest
  /// name.
  std::function<void(const std::string&)> warn;
};

/// Reads a net: resolves names to values, checks every operator against its schema. Throws one
/// Error (kInvalidNet) that lists all problems of the net. A net that is moved in gives its
/// operators to the graph: large arguments are not copied.
Graph build_graph(NetDef net, const BuildOptions& options = {});

/// The net of a graph no pass has changed, operators in order.
NetDef to_net(const Graph& graph);

}  // namespace headrace::graph
