#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "core/op_schema.h"
#include "core/tensor.h"

namespace headrace {

/// How two operands of an elementwise operator meet: axis 0 of A (B) lies on axis `a_axis`
/// (`b_axis`) of the output; what an operand lacks, or has 1 of, is repeated.
struct Broadcast {
  Shape output;
  int a_axis = 0;
  int b_axis = 0;
};

/// Declares the arguments that broadcast_of() reads.
OpSchema& declare_broadcast(OpSchema& schema);

/// NumPy's rules; or, with `broadcast: 1`, Caffe2's: B lies on consecutive axes of A, the last ones
/// or those from `axis` (or the one named by `axis_str` in `order`), and has A's sizes there, but
/// for ones at its ends. Throws kShapeMismatch or kInvalidArgument.
Broadcast broadcast_of(const Args& args, const Shape& a, const Shape& b);

/// NumPy's way alone.
Broadcast numpy_broadcast(const Shape& a, const Shape& b);
/// Caffe2's way alone, whatever the argument `broadcast` says.
Broadcast legacy_broadcast(const Args& args, const Shape& a, const Shape& b);

/// Elements between neighbours along each axis of a tensor, by axis.
using Strides = std::array<int64_t, Shape::kMaxRank>;
Strides strides_of(const TensorDesc& desc);

/// A walk over all elements of a tensor in the order of its memory, and over other tensors that lie
/// on some of its axes, each in its own layout. Neighbouring axes that all operands step through
/// alike are merged.
class StridedLoop {
 public:
  static constexpr int kMaxOperands = 3;

  struct Placed {
    const TensorDesc* desc;
    int axis;  // of the walked tensor, that axis 0 lies on
  };

  StridedLoop(const TensorDesc& walked, std::initializer_list<Placed> operands);
  /// Operand k moves by strides[k][axis] elements along each axis of the walked tensor.
  StridedLoop(const TensorDesc& walked, std::span<const Strides> strides);

  int64_t numel() const { return numel_; }

  /// The axes, after merging, outermost first: at least one.
  int rank() const { return rank_; }
  int64_t size(int axis) const { return sizes_[axis]; }
  int operands() const { return operands_; }
  int64_t stride(int k, int axis) const { return strides_[k][axis]; }

  /// Elements per step of the innermost axis: 0 where operand k repeats.
  int64_t inner_stride(int k) const { return strides_[k][rank_ - 1]; }
  /// Whether operand k has each of its elements met exactly once.
  bool covers(int k) const;

  using Offsets = std::array<int64_t, kMaxOperands>;

  /// Calls row(offset, offsets, length) for the elements [begin, end) of the walked tensor, split
  /// where the innermost axis ends: `length` neighbours from `offset`, and where the operands
  /// stand.
  template <typename Row>
  void run(int64_t begin, int64_t end, Row&& row) const {
    std::array<int64_t, Shape::kMaxRank> index{};
    Offsets offsets{};
    locate(begin, index, offsets);
    const int inner = rank_ - 1;
    for (int64_t at = begin; at < end;) {
      int64_t length = std::min(sizes_[inner] - index[inner], end - at);
      row(at, offsets, length);
      at += length;
      advance(length, index, offsets);
    }
  }

  /// Cuts the walk so that no two parts meet the same element of operand k: along this axis, which
  /// has divisible() steps. One step when there is no such axis.
  int64_t divisible(int k) const;
  /// Like run() for the steps [begin, end) of that axis.
  template <typename Row>
  void run_divided(int k, int64_t begin, int64_t end, Row&& row) const {
    if (numel_ == 0) return;
    const int axis = divided_axis(k);
    if (axis < 0) return run(0, numel_, row);
    int64_t outer = 1;
    for (int d = 0; d < axis; ++d) outer *= sizes_[d];
    const int64_t steps = sizes_[axis];
    const int64_t below = numel_ / (outer * steps);
    for (int64_t i = 0; i < outer; ++i) {
      run((i * steps + begin) * below, (i * steps + end) * below, row);
    }
  }

 private:
  void locate(int64_t at, std::array<int64_t, Shape::kMaxRank>& index, Offsets& offsets) const;
  void advance(int64_t length, std::array<int64_t, Shape::kMaxRank>& index, Offsets& offsets) const;
  int divided_axis(int k) const;

  int rank_ = 0;
  int operands_ = 0;
  int64_t numel_ = 1;
  std::array<int64_t, Shape::kMaxRank> sizes_{};
  std::array<std::array<int64_t, Shape::kMaxRank>, kMaxOperands> strides_{};
};

}  // namespace headrace
