#include "operators/fill_shape.h"

#include "core/error.h"
#include "operators/checks.h"

namespace headrace {

OpSchema& declare_fill_shape(OpSchema& schema) {
  return schema
      .optional_input("shape_of", "gives its shape, or with input_as_shape its elements as shape")
      .output("Y", "of the shape that the arguments give, or of the first input's")
      .optional_arg("shape", ArgKind::kInts, "dimensions; a scalar when there is no input either")
      .optional_arg("extra_shape", ArgKind::kInts, "dimensions appended to those of the input")
      .arg("input_as_shape", 0, "1: the elements of the input (int64) are the dimensions");
}

std::optional<Shape> fill_shape(const InferContext& context) {
  bool as_shape = context.args.flag("input_as_shape");
  auto extra = context.args.integers("extra_shape");
  if (context.inputs.empty()) {
    require(!as_shape, ErrorCode::kInvalidArgument, "input_as_shape needs an input");
    require(extra.empty(), ErrorCode::kInvalidArgument,
            "extra_shape is appended to the shape of an input, and there is none; put all "
            "dimensions into 'shape'");
    return Shape(context.args.integers("shape"));
  }
  require(context.args.integers("shape").empty(), ErrorCode::kInvalidArgument,
          "give either an input or the argument 'shape', not both");

  std::vector<int64_t> dims;
  if (as_shape) {
    require_type(context, 0, Types<int64_t>{});
    require_rank(context, 0, 1);
    if (context.value(0) == nullptr) return std::nullopt;
    auto values = context.value(0)->data<int64_t>();
    dims.assign(values.begin(), values.end());
  } else {
    dims.assign(context.shape(0).begin(), context.shape(0).end());
  }
  dims.insert(dims.end(), extra.begin(), extra.end());
  return Shape(dims);
}

}  // namespace headrace
