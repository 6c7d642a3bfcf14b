#pragma once

#include <string>
#include <vector>

#include "core/op_schema.h"

namespace headrace {

/// Everything wrong with one operator taken by itself, one sentence each: how many inputs and
/// outputs it has, its arguments, outputs that have to be their input under the same name. Empty
/// when all is well. Arguments that the schema does not know are no problem here: see
/// Args::unknown().
std::vector<std::string> operator_problems(const OpSchema& schema, const OperatorDef& def);

}  // namespace headrace
