#include "operators/resize_shape.h"

#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/gradient_context.h"
#include "operators/checks.h"

namespace headrace {
namespace {

void check(const Scales& scales) {
  for (float scale : {scales.height, scales.width}) {
    require(scale > 0 && std::isfinite(scale), ErrorCode::kInvalidArgument,
            "an image cannot be scaled by {}; factors are above 0", scale);
  }
}

/// Of the input, where there is one; nothing while its elements are not known.
std::optional<Scales> known_scales(const InferContext& context, int input) {
  if (static_cast<int>(context.inputs.size()) <= input) {
    const Scales scales = scales_of(context.args);
    check(scales);
    return scales;
  }
  require_type(context, input, Types<float>{});
  require_shape(context, input, {2}, "the factors of height and width");
  const Tensor* values = context.value(input);
  if (values == nullptr) return std::nullopt;
  const Scales scales{values->data<float>()[0], values->data<float>()[1]};
  check(scales);
  return scales;
}

/// Size of an axis after scaling: rounded towards zero.
int64_t scaled_size(int64_t size, float scale) {
  const float scaled = static_cast<float>(size) * scale;
  require(scaled < 1e12f, ErrorCode::kShapeMismatch, "{} pixels cannot be scaled by {}", size,
          scale);
  return static_cast<int64_t>(scaled);
}

Shape resized(const Args& args, const Shape& x, const Scales& scales) {
  const Order order = order_of(args);
  ImageShape image = image_shape(x, order, "X");
  image.size[1] = scaled_size(image.size[1], scales.height);
  image.size[2] = scaled_size(image.size[2], scales.width);
  return image.shape(order);
}

std::vector<TensorType> infer_resize(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_rank(context, 0, 4);
  auto scales = known_scales(context, 1);
  if (!scales) return {{context.dtype(0), std::nullopt}};
  return {{context.dtype(0), resized(context.args, context.shape(0), *scales)}};
}

std::vector<TensorType> infer_resize_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  require_rank(context, 0, 4);
  require_rank(context, 1, 4);
  if (auto scales = known_scales(context, 2)) {
    require_shape(context, 0, resized(context.args, context.shape(1), *scales),
                  "that of the resized image");
  } else {  // until the scales are there
    const Order order = order_of(context.args);
    const ImageShape x = image_shape(context.shape(1), order, "X");
    const ImageShape dy = image_shape(context.shape(0), order, "dY");
    require(dy.n == x.n && dy.c == x.c && (x.pixels() > 0 || dy.pixels() == 0),
            ErrorCode::kShapeMismatch, "dY is {}, which X, {}, cannot be resized to",
            context.shape(0).to_string(), context.shape(1).to_string());
  }
  return {context.inputs[1]};
}

OpSchema& declare_resize(OpSchema& schema) {
  return schema.arg("width_scale", 1.0f, "factor of the width")
      .arg("height_scale", 1.0f, "factor of the height")
      .arg("order", "NCHW")
      .layout(LayoutPolicy::kFollowsUneven);
}

}  // namespace

OpSchema resize_schema(const std::string& type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .differs("An image has four axes; Caffe2 takes the first four of more, and drops the rest.")
      .input("X", "image with two spatial axes")
      .optional_input("scales", "two floats, of height and width, instead of the arguments")
      .output("Y", "X with height and width scaled, rounded down")
      .infer(infer_resize)
      .gradient([gradient = type + "Gradient"](GradientContext& g) {
        std::vector<std::string> inputs = {g.dout(0), g.in(0)};
        if (g.inputs() > 1) inputs.push_back(g.in(1));
        g.op(gradient, inputs, {g.din(0)});
      });
  return declare_resize(schema);
}

OpSchema resize_gradient_schema(const std::string& type, const char* doc) {
  OpSchema schema(type + "Gradient");
  schema.doc(doc)
      .input("dY")
      .input("X", "only its shape is used")
      .optional_input("scales")
      .output("dX")
      .infer(infer_resize_gradient)
      .no_gradient();
  return declare_resize(schema);
}

IndexMap resize_map(const Args& args, const TensorDesc& x, const TensorDesc& y) {
  const Order order = order_of(args);
  return IndexMap::of_images(image_shape(x.shape, order, "X"), image_shape(y.shape, order, "Y"),
                             are_channels_last(order, {&x, &y}));
}

Scales scales_of(const Args& args) { return {args.real("height_scale"), args.real("width_scale")}; }

}  // namespace headrace
