#pragma once

#include <string>

#include "core/op_schema.h"

namespace headrace::tools {

/// "int, 3 by default", "string, required", "ints, optional".
std::string kind_and_default(const ArgSpec& arg);

/// What is known about the shape of an output: its documentation, or the operand it is like; ""
/// where the schema says neither.
std::string describe_output(const OpSchema& schema, int output);

/// All operators as one Markdown document, docs/operators.md: operands, arguments, gradients and
/// differences from Caffe2, from their schemas.
std::string operator_reference();

}  // namespace headrace::tools
