#pragma once

#include <cstdint>

#include "core/args.h"
#include "core/shape.h"

namespace headrace {

/// The axis counted from 0; a negative one counts from the end. Throws kInvalidArgument where the
/// shape has no such axis.
int resolve_axis(int64_t axis, const Shape& shape);

/// The one that the argument `name` gives.
int axis_of(const Args& args, const Shape& shape, const char* name = "axis");

}  // namespace headrace
