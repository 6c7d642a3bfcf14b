#pragma once

#include <initializer_list>

#include "core/kernel.h"
#include "core/op_schema.h"

/// Checks that shape functions and prepare functions share. All throw Error and name the operand.
namespace headrace {

/// Input `i` has a floating element type. Throws kTypeMismatch.
void check_floating(const InferContext& context, int i, const char* operand);
/// Input `i` has the element type of input 0. Throws kTypeMismatch.
void check_same_type(const InferContext& context, int i, const char* operand);
/// Input `i` has this shape; `reason` says where the expectation comes from ("one per channel of
/// X"). Throws kShapeMismatch.
void check_shape(const InferContext& context, int i, const char* operand, const Shape& expected,
                 const char* reason);

/// The kernel computes in float32 only: these inputs must be of that type. Throws kUnsupported.
void check_float32(const PrepareContext& context, std::initializer_list<int> inputs);

}  // namespace headrace
