#include "operators/axis.h"

#include "core/error.h"

namespace headrace {

int resolve_axis(int64_t axis, const Shape& shape) {
  const int rank = shape.rank();
  require(axis >= -rank && axis < rank, ErrorCode::kInvalidArgument, "{} has no axis {}",
          shape.to_string(), axis);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

int axis_of(const Args& args, const Shape& shape, const char* name) {
  return resolve_axis(args.integer(name), shape);
}

}  // namespace headrace
