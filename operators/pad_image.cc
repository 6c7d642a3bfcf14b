#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/image.h"
#include "operators/index_map.h"

namespace headrace {
namespace {

enum class PadMode : uint8_t { kConstant, kReflect, kEdge };

PadMode mode_of(const Args& args) {
  const std::string& mode = args.text("mode");
  if (mode == "constant") return PadMode::kConstant;
  if (mode == "reflect") return PadMode::kReflect;
  if (mode == "edge") return PadMode::kEdge;
  fail(ErrorCode::kInvalidArgument, "mode '{}' is none of 'constant', 'reflect' and 'edge'", mode);
}

/// Pads of height and width; negative ones cut the image.
struct Pads {
  int64_t top = 0, left = 0, bottom = 0, right = 0;
};

Pads pads_of(const Args& args) {
  auto list = args.integers("pads");
  if (!list.empty()) {
    require(list.size() == 4, ErrorCode::kInvalidArgument,
            "'pads' must be (top, left, bottom, right), found {} numbers", list.size());
    return {list[0], list[1], list[2], list[3]};
  }
  if (args.has("pad")) {
    const int64_t pad = args.integer("pad");
    return {pad, pad, pad, pad};
  }
  int given = 0;
  for (const char* name : {"pad_t", "pad_l", "pad_b", "pad_r"}) given += args.has(name) ? 1 : 0;
  if (given == 0) return {};
  require(given == 4, ErrorCode::kInvalidArgument,
          "pad_t, pad_l, pad_b and pad_r belong together; found {} of them", given);
  return {args.integer("pad_t"), args.integer("pad_l"), args.integer("pad_b"),
          args.integer("pad_r")};
}

ImageShape plane_shape(const InferContext& context, const char* operand) {
  require_rank(context, 0, 4);
  return image_shape(context.shape(0), order_of(context.args), operand);
}

void check_source(PadMode mode, const ImageShape& x, const Pads& pads) {
  if (mode == PadMode::kConstant) return;
  for (int axis : {1, 2}) {
    const int64_t begin = axis == 1 ? pads.top : pads.left;
    const int64_t end = axis == 1 ? pads.bottom : pads.right;
    const int64_t most = mode == PadMode::kReflect ? x.size[axis] - 1 : INT64_MAX;
    require(x.size[axis] > 0 && begin <= most && end <= most, ErrorCode::kInvalidArgument,
            "an image with {} pixels along an axis cannot be padded by {} and {} there{}",
            x.size[axis], begin, end,
            mode == PadMode::kReflect ? ": a reflection is shorter than the image" : "");
  }
}

/// The shape with `sign` times the pads added.
Shape padded(const Args& args, const Shape& shape, int sign) {
  const Order order = order_of(args);
  ImageShape image = image_shape(shape, order, "X");
  const Pads pads = pads_of(args);
  for (int64_t pad : {pads.top, pads.left, pads.bottom, pads.right}) {
    constexpr int64_t kFarthest = int64_t{1} << 40;
    require(-kFarthest < pad && pad < kFarthest, ErrorCode::kInvalidArgument,
            "a pad of {} is out of reach", pad);
  }
  image.size[1] += sign * (pads.top + pads.bottom);
  image.size[2] += sign * (pads.left + pads.right);
  require(image.size[1] >= 0 && image.size[2] >= 0, ErrorCode::kShapeMismatch,
          "pads ({}, {}, {}, {}) leave nothing of image {}", pads.top, pads.left, pads.bottom,
          pads.right, shape.to_string());
  return image.shape(order);
}

std::vector<TensorType> infer_pad(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  const ImageShape x = plane_shape(context, "X");
  check_source(mode_of(context.args), x, pads_of(context.args));
  return {{context.dtype(0), padded(context.args, context.shape(0), 1)}};
}

std::vector<TensorType> infer_pad_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  plane_shape(context, "dY");
  const Shape dx = padded(context.args, context.shape(0), -1);
  check_source(mode_of(context.args), image_shape(dx, order_of(context.args), "dX"),
               pads_of(context.args));
  return {{context.dtype(0), dx}};
}

OpSchema& declare_pads(OpSchema& schema) {
  schema
      .arg("mode", "constant",
           "what pads hold: 'constant', `value`; 'reflect', the image mirrored at its outermost "
           "pixels; 'edge', the outermost pixel")
      .arg("value", 0.0f, "the constant")
      .optional_arg("pad", ArgKind::kInt, "pixels added on every side")
      .optional_arg("pads", ArgKind::kInts, "(top, left, bottom, right)");
  for (const char* name : {"pad_t", "pad_l", "pad_b", "pad_r"}) {
    schema.optional_arg(name, ArgKind::kInt, "one side; all four belong together");
  }
  return schema.arg("order", "NCHW").layout(LayoutPolicy::kFollowsUneven);
}

OpSchema pad_schema() {
  OpSchema schema("PadImage");
  schema.doc("An image with pixels added around it; negative pads take pixels away.")
      .differs(
          "A reflection that is longer than the image is an error; Caffe2 reads past the image.")
      .input("X", "image with two spatial axes")
      .output("Y", "X with the pads around every image")
      .infer(infer_pad)
      .gradient([](GradientContext& g) { g.op("PadImageGradient", {g.dout(0)}, {g.din(0)}); });
  return declare_pads(schema);
}
OpSchema pad_gradient_schema() {
  OpSchema schema("PadImageGradient");
  schema.doc("For each pixel of the image, the sum of the gradients of all its copies.")
      .input("dY")
      .output("dX", "dY without the pads")
      .infer(infer_pad_gradient)
      .no_gradient();
  return declare_pads(schema);
}
const RegisterOperator pad_image(pad_schema());
const RegisterOperator pad_image_gradient(pad_gradient_schema());

/// The pixel that target pixel i shows, or -1.
struct PadIndex {
  PadMode mode;
  int64_t pad, size;
  int64_t operator()(int64_t i) const {
    const int64_t at = i - pad;
    if (at >= 0 && at < size) return at;
    if (mode == PadMode::kConstant) return -1;
    if (mode == PadMode::kEdge) return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
  }
};

struct Padding {
  IndexMap map;
  PadIndex rows, cols;

  static Padding of(const PrepareContext& prepare, const TensorDesc& x, const TensorDesc& y) {
    const Order order = order_of(prepare.args);
    const bool last = are_channels_last(order, {&x, &y});
    const Pads pads = pads_of(prepare.args);
    const PadMode mode = mode_of(prepare.args);
    const IndexMap map = IndexMap::of_images(image_shape(x.shape, order, "X"),
                                             image_shape(y.shape, order, "Y"), last);
    return {map, {mode, pads.top, map.source_rows}, {mode, pads.left, map.source_cols}};
  }
};

const RegisterCpuKernel pad_cpu("PadImage", [](const PrepareContext& prepare) {
  const Padding padding = Padding::of(prepare, prepare.inputs[0], prepare.outputs[0]);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [padding, value = T{prepare.args.real("value")},
         width = prepare.width](OpContext& context) {
          copy_mapped(padding.map, width, context.scratch, context.input<T>(0),
                      context.output<T>(0), value, padding.rows, padding.cols);
        },
        padding.map.scratch_bytes());
  });
});
const RegisterCpuKernel pad_gradient_cpu("PadImageGradient", [](const PrepareContext& prepare) {
  const Padding padding = Padding::of(prepare, prepare.outputs[0], prepare.inputs[0]);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [padding, width = prepare.width](OpContext& context) {
          add_mapped(padding.map, width, context.scratch, context.input<T>(0), context.output<T>(0),
                     padding.rows, padding.cols);
        },
        padding.map.scratch_bytes());
  });
});

}  // namespace
}  // namespace headrace
