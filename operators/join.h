#pragma once

#include <vector>

#include "core/op_schema.h"
#include "operators/broadcast.h"

/// What Concat and Split share: a whole tensor made of pieces along one axis.
namespace headrace {

/// Declares axis, add_axis and order.
OpSchema& declare_join(OpSchema& schema);

/// The axis of the whole that pieces lie along, and whether the pieces lack it (add_axis).
struct JoinAxis {
  int axis = 0;
  bool added = false;
};
/// `rank` is that of the whole tensor if add_axis were 0 (of a piece, for Concat). Throws where the
/// arguments contradict each other or there is no such axis.
JoinAxis join_axis(const Args& args, int rank, bool rank_is_of_whole);

/// How a piece lies in the whole: a walk over the piece whose operand 0 is the whole.
StridedLoop place_piece(const TensorDesc& piece, const TensorDesc& whole, JoinAxis axis);

/// Sizes of a piece along the axis: 1 where the axis was added.
int64_t piece_size(const Shape& piece, JoinAxis axis);

}  // namespace headrace
