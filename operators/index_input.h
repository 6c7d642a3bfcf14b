#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/kernel.h"
#include "operators/checks.h"

/// Small integer inputs that say how an operator works (starts, tiles, k).
namespace headrace {

using IndexTypes = Types<int32_t, int64_t>;

/// Elements of input i; nothing while they are not known.
inline std::optional<std::vector<int64_t>> known_integers(const InferContext& context, int i) {
  require_type(context, i, IndexTypes{});
  const Tensor* tensor = context.value(i);
  if (tensor == nullptr) return std::nullopt;
  return dispatch(IndexTypes{}, context.dtype(i), [&]<typename T>() {
    auto values = tensor->data<T>();
    return std::vector<int64_t>(values.begin(), values.end());
  });
}

/// Element k of input i when the kernel runs.
inline int64_t integer_at(const OpContext& context, int i, int64_t k) {
  if (context.input_desc(i).dtype == DType::kInt32) return context.input<int32_t>(i)[k];
  return context.input<int64_t>(i)[k];
}

}  // namespace headrace
