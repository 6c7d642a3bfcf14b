#include "operators/join.h"

#include "core/error.h"

namespace headrace {

OpSchema& declare_join(OpSchema& schema) {
  return schema
      .optional_arg("axis", ArgKind::kInt,
                    "axis of the whole tensor; negative ones count from its end")
      .arg("add_axis", 0, "1, with axis: pieces lack the axis, each is one step along it")
      .optional_arg("order", ArgKind::kString,
                    "without axis: NCHW (default) or NHWC says where the channels are");
}

JoinAxis join_axis(const Args& args, int rank, bool rank_is_of_whole) {
  if (!args.has("axis")) {
    const std::string order = args.has("order") ? args.text("order") : "NCHW";
    require(order == "NCHW" || order == "NHWC", ErrorCode::kInvalidArgument,
            "'order' is NCHW or NHWC, found '{}'", order);
    int axis = order == "NCHW" ? 1 : 3;
    require(axis < rank, ErrorCode::kShapeMismatch,
            "order {} has its channels on axis {}, and the tensors have rank {}; give 'axis'",
            order, axis, rank);
    return {axis, false};
  }
  require(!args.has("order"), ErrorCode::kInvalidArgument,
          "give either 'axis' or 'order', not both");
  bool added = args.flag("add_axis");
  int whole_rank = rank + (added && !rank_is_of_whole ? 1 : 0);
  int64_t given = args.integer("axis");
  int64_t axis = given < 0 ? given + whole_rank : given;
  require(axis >= 0 && axis < whole_rank, ErrorCode::kShapeMismatch,
          "axis {} is out of range for a tensor of rank {}", given, whole_rank);
  return {static_cast<int>(axis), added};
}

StridedLoop place_piece(const TensorDesc& piece, const TensorDesc& whole, JoinAxis axis) {
  Strides in_whole = strides_of(whole);
  Strides strides{};
  for (int d = 0; d < piece.shape.rank(); ++d) {
    strides[d] = in_whole[axis.added && d >= axis.axis ? d + 1 : d];
  }
  return StridedLoop(piece, std::span<const Strides>(&strides, 1));
}

int64_t piece_size(const Shape& piece, JoinAxis axis) { return axis.added ? 1 : piece[axis.axis]; }

}  // namespace headrace
