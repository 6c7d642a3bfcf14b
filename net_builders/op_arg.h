#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "core/shape.h"

namespace headrace {

class OperatorDef;

/// One argument of an operator under construction: {"kernel", 3}, {"order", "NCHW"}. The field of
/// the message follows from the C++ type; flags are integers there.
struct OpArg {
  using Value = std::variant<int64_t, float, std::string, std::vector<int64_t>, std::vector<float>>;

  OpArg(std::string name, int64_t value) : name(std::move(name)), value(value) {}
  OpArg(std::string name, int value) : OpArg(std::move(name), int64_t{value}) {}
  OpArg(std::string name, bool value) : OpArg(std::move(name), int64_t{value}) {}
  OpArg(std::string name, float value) : name(std::move(name)), value(value) {}
  OpArg(std::string name, double value) : OpArg(std::move(name), static_cast<float>(value)) {}
  OpArg(std::string name, const char* value) : name(std::move(name)), value(std::string(value)) {}
  OpArg(std::string name, std::string value) : name(std::move(name)), value(std::move(value)) {}
  OpArg(std::string name, std::vector<int64_t> value)
      : name(std::move(name)), value(std::move(value)) {}
  OpArg(std::string name, std::vector<float> value)
      : name(std::move(name)), value(std::move(value)) {}
  OpArg(std::string name, const Shape& value)
      : OpArg(std::move(name), std::vector<int64_t>(value.begin(), value.end())) {}

  std::string name;
  Value value;
};

/// An operator of that type, not yet checked against its schema.
OperatorDef make_op(const std::string& type, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs, const std::vector<OpArg>& args = {});

}  // namespace headrace
