#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/tensor.h"

namespace headrace {

class Argument;
class NetDef;
class OperatorDef;
class OpSchema;

/// The kinds of argument a schema can declare; they map to the fields of the Argument message.
enum class ArgKind : uint8_t {
  kInt,      // i
  kFloat,    // f
  kString,   // s
  kInts,     // ints
  kFloats,   // floats
  kStrings,  // strings
  kNet,      // n
  kTensor,   // t
  kScalar,   // one of i, f, s: ask kind_of() before reading
  kList,     // one of ints, floats, strings: likewise
};

std::string_view name_of(ArgKind kind);

/// One declared argument. An argument without default and not required is "absent": ask has().
struct ArgSpec {
  std::string name;
  ArgKind kind;
  std::variant<std::monostate, int64_t, float, std::string> default_value;
  bool required = false;
  std::string doc;
};

/// Read access to the arguments of one operator, typed and with the schema's defaults. Borrows both
/// the schema and the definition. Asking for an argument that the schema does not declare is a
/// programming error (kInternal).
class Args {
 public:
  Args(const OpSchema& schema, const OperatorDef& def) : schema_(&schema), def_(&def) {}

  /// Whether the definition itself carries the argument.
  bool has(std::string_view name) const;
  /// The field in which an argument declared as kScalar or kList is given; the declared kind when
  /// it is absent or an empty list.
  ArgKind kind_of(std::string_view name) const;

  int64_t integer(std::string_view name) const;
  bool flag(std::string_view name) const { return integer(name) != 0; }
  float real(std::string_view name) const;
  const std::string& text(std::string_view name) const;

  /// Views into the definition; empty when absent.
  std::span<const int64_t> integers(std::string_view name) const;
  std::span<const float> reals(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  const NetDef& net(std::string_view name) const;

  const OperatorDef& def() const { return *def_; }

  /// Everything wrong with the arguments: missing required ones, wrong fields. Unknown names are
  /// not problems here: see unknown().
  std::vector<std::string> problems() const;
  /// Names in the definition that the schema does not declare.
  std::vector<std::string> unknown() const;

 private:
  const ArgSpec& spec(std::string_view name) const;
  const ArgSpec& spec(std::string_view name, ArgKind kind) const;
  const Argument* find(std::string_view name) const;
  const Argument* find_checked(const ArgSpec& spec, ArgKind kind) const;

  const OpSchema* schema_;
  const OperatorDef* def_;
};

}  // namespace headrace
