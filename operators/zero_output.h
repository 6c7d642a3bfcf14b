#pragma once

#include <algorithm>

#include "core/kernel.h"

namespace headrace {

/// The float gradient of an operand that contributed to nothing, because what it was combined with
/// had no elements. Nothing for an output nobody reads (-1).
inline void zero_output(OpContext& op, int output) {
  if (output < 0) return;
  std::fill_n(op.output<float>(output), op.output_desc(output).shape.numel(), 0.0f);
}

}  // namespace headrace
