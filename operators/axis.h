#pragma once

#include "core/args.h"
#include "core/shape.h"

namespace headrace {

/// The axis of a shape that the argument `name` gives, counted from 0; a negative one counts from
/// the end. Throws kInvalidArgument where the shape has no such axis.
int axis_of(const Args& args, const Shape& shape, const char* name = "axis");

}  // namespace headrace
