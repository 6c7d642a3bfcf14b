#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "core/kernel.h"
#include "operators/parts.h"

/// Operators that give the same elements another shape, or another place.
namespace headrace {

/// Makes output 0 of the elements of input 0, in the order in which they lie. Nothing to do where
/// the plan lets the output share the input's storage.
class ElementCopy {
 public:
  explicit ElementCopy(const PrepareContext& prepare)
      : desc_(prepare.inputs[0]), width_(prepare.width) {}

  void operator()(OpContext& context) const {
    if (desc_.dtype == DType::kString) return copy_strings(context);
    const char* x = context.input<char>(0);
    char* y = context.output<char>(0);
    if (y == nullptr || x == y) return;
    for_parts(width_, static_cast<int64_t>(desc_.bytes()), [&](int64_t begin, int64_t end) {
      std::memcpy(y + begin, x + begin, static_cast<size_t>(end - begin));
    });
  }

 private:
  /// Strings own memory and cannot be copied as bytes.
  void copy_strings(OpContext& context) const {
    const auto* x = context.input<std::string>(0);
    auto* y = context.output<std::string>(0);
    if (y != nullptr && x != y) std::copy_n(x, desc_.shape.numel(), y);
  }

  TensorDesc desc_;
  int width_;
};

/// A kernel that does only that.
inline std::unique_ptr<Kernel> prepare_element_copy(const PrepareContext& prepare) {
  return make_kernel(ElementCopy(prepare));
}

}  // namespace headrace
