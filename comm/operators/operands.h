#pragma once

#include <vector>

#include "core/op_schema.h"

/// What the operators of this folder ask of their operands, all of which have a common world first.
namespace headrace::comm {

/// An operator that all ranks run alike, on the world that is its first input. It has no gradient.
OpSchema collective_schema(const char* type);

/// Inputs from 1 up to (not including) `end` are numbers that can be added up, all of one type and
/// shape. Throws kTypeMismatch or kShapeMismatch.
void require_alike(const InferContext& context, int end);

/// Types of outputs 0, 1, ... that are those of inputs 1, 2, ...
std::vector<TensorType> types_behind_world(const InferContext& context);

/// The same, and all inputs behind the world have to be alike.
std::vector<TensorType> types_of_alike(const InferContext& context);

/// Output i may (must) overwrite input i + 1, for as many as a server has devices.
OpSchema& in_place_behind_world(OpSchema& schema, bool enforced);

/// The argument 'root', the same on all ranks; that the world has such a rank shows when it runs.
/// Throws kInvalidArgument for what is no rank of any world.
int root_of(const Args& args);

/// The argument 'timeout_ms', in seconds. Throws what require_timeout() does.
double timeout_of(const Args& args);

/// Bytes in and out, and an addition per element.
headrace::Cost cost_of_collective(const CostContext& context);

}  // namespace headrace::comm
