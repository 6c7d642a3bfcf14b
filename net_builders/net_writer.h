#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "net_builders/op_arg.h"

namespace headrace {

class NetDef;
class OperatorDef;

/// A net under construction. Each operator is checked against its schema the moment it is added,
/// unknown arguments included, and the types of its outputs are inferred, so that an error appears
/// at the line that made it. Not thread-safe.
class NetWriter {
 public:
  explicit NetWriter(const std::string& name);
  ~NetWriter();
  NetWriter(const NetWriter& other);

  const NetDef& net() const { return *net_; }
  /// For what is added behind this class's back (a gradient pass, roles); check_from() afterwards.
  NetDef& mutable_net() { return *net_; }

  /// Declares a blob that comes from outside. The same one may be declared again.
  void declare(const std::string& blob, const TensorDesc& desc);

  /// Appends an operator. Throws kInvalidNet with all its problems, or what its shape function
  /// throws, with the operator named.
  void add(const OperatorDef& op);
  void add(const std::string& type, const std::vector<std::string>& inputs,
           const std::vector<std::string>& outputs, const std::vector<OpArg>& args = {});
  /// Puts another operator in the place of one, checked like a new one.
  void replace(int position, const OperatorDef& op);
  /// Checks the operators from that position on as add() does.
  void check_from(int position);

  bool knows(const std::string& blob) const { return types_.contains(blob); }
  /// Throws kNotFound, or kUnsupported where the shape shows only when the net runs.
  TensorDesc desc(const std::string& blob) const;

  /// A name nobody has: `base`, else base_2, base_3, ... Taken from now on.
  std::string unique(const std::string& base);
  /// base1, base2, ...: the first that nobody has.
  std::string numbered(const std::string& base);
  /// Takes a name that an author chose. Throws kInvalidArgument where it is taken.
  std::string claim(const std::string& name);

 private:
  void check(const OperatorDef& op, int position);

  std::unique_ptr<NetDef> net_;
  std::map<std::string, TensorType> types_;
  std::set<std::string> taken_;
  std::map<std::string, int> counters_;
};

}  // namespace headrace
