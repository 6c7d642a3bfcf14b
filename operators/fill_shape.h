#pragma once

#include <optional>

#include "core/op_schema.h"

namespace headrace {

/// Declares the optional input and the arguments that say what shape a filler makes.
OpSchema& declare_fill_shape(OpSchema& schema);

/// The shape a filler makes: the argument `shape`; or that of its input; or, with `input_as_shape`,
/// the elements of its input (int64), nothing while those are not known. `extra_shape` is appended
/// in the last two cases. Throws where these contradict each other.
std::optional<Shape> fill_shape(const InferContext& context);

}  // namespace headrace
