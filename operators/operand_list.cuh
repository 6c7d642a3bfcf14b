#pragma once

#include "operators/elementwise.cuh"

namespace headrace {

/// The operands of an operator that takes any number of them, as a parameter of a kernel: as many
/// as one launch reads.
template <typename T>
struct OperandList {
  static constexpr int kMax = 8;
  const T* at[kMax];
  int count;
  bool aligned;

  bool has_room() const { return count < kMax; }
  void add(const T* operand) {
    aligned = (count == 0 || aligned) && is_aligned(operand);
    at[count++] = operand;
  }
};

}  // namespace headrace
