#include "operators/fc_shape.h"

#include <vector>

#include "core/error.h"
#include "operators/axis.h"

namespace headrace {

double FcShape::macs() const {
  return static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
}

OpSchema& declare_fc(OpSchema& schema) {
  return schema.arg("axis", 1, "the first axis of X that belongs to a row")
      .arg("axis_w", 1, "the first axis of W that belongs to a row")
      .ignored_args({"order", "use_cudnn", "cudnn_exhaustive_search", "float16_compute",
                     "enable_tensor_core"});
}

FcShape fc_shape(const Args& args, const Shape& x, const Shape& w) {
  const int axis = axis_of(args, x);
  const int axis_w = axis_of(args, w, "axis_w");
  FcShape shape;
  shape.m = x.product(0, axis);
  shape.k = x.product(axis, x.rank());
  shape.n = w.product(0, axis_w);
  require(w.product(axis_w, w.rank()) == shape.k, ErrorCode::kShapeMismatch,
          "a row of X {} has {} elements from axis {} on, a row of W {} has {} from axis {} on; "
          "they must be as long",
          x.to_string(), shape.k, axis, w.to_string(), w.product(axis_w, w.rank()), axis_w);
  std::vector<int64_t> dims(x.begin(), x.begin() + axis);
  dims.push_back(shape.n);
  shape.y = Shape(dims);
  return shape;
}

}  // namespace headrace
