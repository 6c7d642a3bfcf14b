#pragma once

#include <cstring>
#include <memory>

#include "core/kernel.h"
#include "operators/checks.h"
#include "operators/parts.h"

/// Operators that give the same elements another shape.
namespace headrace {

/// Nothing to do where the plan lets the output share the input's storage.
inline void copy_elements(OpContext& context, int64_t bytes, int width) {
  const char* x = context.input<char>(0);
  char* y = context.output<char>(0);
  if (y == nullptr || x == y) return;
  for_parts(width, bytes, [&](int64_t begin, int64_t end) {
    std::memcpy(y + begin, x + begin, static_cast<size_t>(end - begin));
  });
}

/// A kernel that does only that.
inline std::unique_ptr<Kernel> prepare_view(const PrepareContext& prepare) {
  return make_kernel(
      [bytes = static_cast<int64_t>(prepare.inputs[0].bytes()),
       width = prepare.width](OpContext& context) { copy_elements(context, bytes, width); });
}

/// Strings own memory and are not copied as bytes.
inline void require_numbers(const InferContext& context) {
  require_dtype(context, 0, context.dtype(0) != DType::kString, "numbers");
}

}  // namespace headrace
