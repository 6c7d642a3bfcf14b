#pragma once

#include <cstddef>

#include "comm/collective.h"
#include "core/dtype.h"

/// The arithmetic of collectives. Every function computes each element on its own, so that results
/// do not depend on how a vector is cut. float16 and bfloat16 are computed as float32 and rounded
/// to nearest, ties to even; a NaN stays one. Types are those of Collective::dtype.
namespace headrace::comm {

/// target[i] = target[i] op source[i], or source[i] op target[i] with `source_first`. The maximum
/// and minimum of anything and a NaN is a NaN.
void reduce(DType dtype, Reduction reduction, void* target, const void* source, size_t count,
            bool source_first);

/// The same for float32 at `target` and elements of `wire`, float16 or bfloat16, at `source`.
void reduce_from_wire(DType wire, Reduction reduction, float* target, const void* source,
                      size_t count, bool source_first);

/// Rounds float32 to `wire`, and `values` to what is sent.
void encode(DType wire, void* target, float* values, size_t count);

/// target[i] = source[i].
void decode(DType wire, float* target, const void* source, size_t count);

/// Rounds float32 to what `wire` has.
void round_to(DType wire, float* values, size_t count);

/// Whether collectives can be done on elements of this type.
bool can_reduce(DType dtype);

}  // namespace headrace::comm
