#include "operators/image.h"

#include "core/error.h"

namespace headrace {

Order order_of(const Args& args) {
  const std::string& order = args.text("order");
  if (order == "NCHW") return Order::kNchw;
  require(order == "NHWC", ErrorCode::kInvalidArgument,
          "argument 'order' must be \"NCHW\" or \"NHWC\", found \"{}\"", order);
  return Order::kNhwc;
}

Shape ImageShape::shape(Order order) const {
  std::array<int64_t, 5> dims;
  int rank = 0;
  dims[rank++] = n;
  if (order == Order::kNchw) dims[rank++] = c;
  for (int axis = first_axis(axes); axis < 3; ++axis) dims[rank++] = size[axis];
  if (order == Order::kNhwc) dims[rank++] = c;
  return Shape(std::span<const int64_t>(dims.data(), rank));
}

ImageShape image_shape(const Shape& shape, Order order, const char* operand) {
  require(shape.rank() >= 3 && shape.rank() <= 5, ErrorCode::kShapeMismatch,
          "{} must be an image (rank 3, 4 or 5 with batch and channels), found shape {}", operand,
          shape.to_string());
  ImageShape image;
  image.axes = shape.rank() - 2;
  image.n = shape[0];
  image.c = order == Order::kNchw ? shape[1] : shape[shape.rank() - 1];
  const int first = order == Order::kNchw ? 2 : 1;
  for (int i = 0; i < image.axes; ++i) image.size[first_axis(image.axes) + i] = shape[first + i];
  return image;
}

bool are_channels_last(Order order, std::initializer_list<const TensorDesc*> operands) {
  if (order == Order::kNhwc) return true;
  bool last = false, plain = false;
  for (const TensorDesc* operand : operands) {
    const Shape& shape = operand->shape;
    if (shape[1] <= 1 || shape.product(2, shape.rank()) <= 1) continue;
    (operand->layout == Layout::kChannelsLast ? last : plain) = true;
  }
  require(!last || !plain, ErrorCode::kInternal,
          "image operands of one operator lie in different layouts");
  return last;
}

}  // namespace headrace
