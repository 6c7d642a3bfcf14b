#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "core/args.h"
#include "core/op_schema.h"
#include "core/shape.h"
#include "core/tensor.h"

/// Images: operands of rank 3 to 5 with a batch, a channel and one to three spatial axes. Two
/// things say where the channels are. The argument `order` gives the meaning of the axes and so the
/// logical shape; TensorDesc::layout gives the place in memory where the order is NCHW. A kernel
/// only asks whether the channels of a pixel are neighbours.
namespace headrace {

enum class Order : uint8_t { kNchw, kNhwc };

/// The argument `order`. Throws kInvalidArgument unless it is "NCHW" or "NHWC".
Order order_of(const Args& args);

/// Sizes by meaning. There are always three spatial axes (depth, height, width); the outer ones of
/// an image with fewer are 1.
struct ImageShape {
  int64_t n = 1;
  int64_t c = 1;
  std::array<int64_t, 3> size = {1, 1, 1};
  int axes = 2;  // spatial axes that the operand has

  int64_t pixels() const { return size[0] * size[1] * size[2]; }
  /// The logical shape in the given order.
  Shape shape(Order order) const;
};

/// Index of the first of `axes` spatial axes in arrays of three.
constexpr int first_axis(int axes) { return 3 - axes; }

/// Throws kShapeMismatch, naming the operand, unless the rank is 3, 4 or 5.
ImageShape image_shape(const Shape& shape, Order order, const char* operand);

/// Where the channels of operands are that share one: whether the channels of a pixel are
/// neighbours in memory. An operand with one channel, or with one pixel per image, lies the same
/// way in both orders and goes along with the others. Throws kInternal when the others disagree.
bool are_channels_last(Order order, std::initializer_list<const TensorDesc*> operands);

}  // namespace headrace
