#pragma once

#include <initializer_list>
#include <string>

#include "core/op_schema.h"
#include "operators/dispatch.h"

/// What shape functions ask of their inputs. Each throws an Error that says what was expected and
/// what was found; the caller adds operator and blob names.
namespace headrace {

/// "input 1 is float32 2x3"
std::string describe_input(const InferContext& context, int i);

/// Throws kTypeMismatch unless `ok`.
void require_dtype(const InferContext& context, int i, bool ok, const char* expected);

/// Input i has one of these element types.
template <typename... Ts>
void require_type(const InferContext& context, int i, Types<Ts...> types) {
  std::string names;
  ((names += (names.empty() ? "" : " or ") + std::string(name_of(dtype_of<Ts>()))), ...);
  require_dtype(context, i, has_type(types, context.dtype(i)), names.c_str());
}

/// Input i has the element type, or the shape, of input j.
void require_same_type(const InferContext& context, int i, int j);
void require_same_shape(const InferContext& context, int i, int j);

/// Input i has exactly this shape; `reason` says why ("one per channel of X").
void require_shape(const InferContext& context, int i, const Shape& shape, const char* reason);
void require_rank(const InferContext& context, int i, int rank);
/// Input i has exactly one element, in any number of dimensions.
void require_single(const InferContext& context, int i);
/// Input i has `count` elements.
void require_count(const InferContext& context, int i, int64_t count);

/// For kernels that compute in float32 only: throws kUnsupported unless all of these inputs have
/// elements of that type.
void require_float32(const PrepareContext& context, std::initializer_list<int> inputs);

}  // namespace headrace
