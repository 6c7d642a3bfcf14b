#include <array>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/index_input.h"
#include "operators/index_map.h"
#include "operators/strided_copy.h"

namespace headrace {
namespace {

/// The part [begin, end) of one axis.
struct Cut {
  int axis = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// Negative positions count from one past the end. Throws unless the part lies in the tensor and
/// is cut from one axis at most.
Cut cut_of(const Shape& shape, std::span<const int64_t> starts, std::span<const int64_t> ends) {
  require(starts.size() == ends.size() && !starts.empty() &&
              static_cast<int>(starts.size()) <= shape.rank(),
          ErrorCode::kInvalidArgument,
          "Slice of {} needs as many starts as ends, at least one and at most one for each axis; "
          "found {} and {}",
          shape.to_string(), starts.size(), ends.size());
  Cut cut{.axis = 0, .begin = 0, .end = shape[0]};
  bool found = false;
  for (int axis = 0; axis < static_cast<int>(starts.size()); ++axis) {
    const int64_t size = shape[axis];
    // What lies past the end is empty, and an end past it is the end.
    const int64_t begin = std::min(starts[axis] < 0 ? size + 1 + starts[axis] : starts[axis], size);
    const int64_t end = std::min(ends[axis] < 0 ? size + 1 + ends[axis] : ends[axis], size);
    require(begin >= 0 && begin <= end, ErrorCode::kInvalidArgument,
            "axis {} of {} cannot be cut from {} to {}", axis, shape.to_string(), starts[axis],
            ends[axis]);
    if (begin == 0 && end == size) continue;
    require(!found, ErrorCode::kInvalidArgument,
            "Slice cuts one axis; starts and ends cut axes {} and {} of {}", cut.axis, axis,
            shape.to_string());
    found = true;
    cut = {axis, begin, end};
  }
  return cut;
}

Shape sliced(const Shape& shape, const Cut& cut) {
  std::vector<int64_t> dims(shape.begin(), shape.end());
  dims[cut.axis] = cut.end - cut.begin;
  return Shape(dims);
}

void require_bounds_inputs(const InferContext& context, size_t operands) {
  require(context.inputs.size() == operands || context.inputs.size() == operands + 2,
          ErrorCode::kInvalidNet, "Slice needs both starts and ends as inputs, or neither");
  if (context.inputs.size() == operands) return;
  require_same_type(context, 2, 1);
  for (int i : {1, 2}) {
    require_type(context, i, IndexTypes{});
    require_rank(context, i, 1);
  }
}

/// Nothing while the inputs that hold the bounds are not known.
std::optional<Cut> known_cut(const InferContext& context, bool from_inputs) {
  if (!from_inputs) {
    return cut_of(context.shape(0), context.args.integers("starts"), context.args.integers("ends"));
  }
  auto starts = known_integers(context, 1);
  auto ends = known_integers(context, 2);
  if (!starts || !ends) return std::nullopt;
  return cut_of(context.shape(0), *starts, *ends);
}

std::vector<TensorType> infer_slice(const InferContext& context) {
  require_bounds_inputs(context, 1);
  auto cut = known_cut(context, context.inputs.size() == 3);
  if (!cut) return {{context.dtype(0), std::nullopt}};
  return {{context.dtype(0), sliced(context.shape(0), *cut)}};
}

std::vector<TensorType> infer_slice_gradient(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  require_bounds_inputs(context, 2);
  const int dy = static_cast<int>(context.inputs.size()) - 1;
  require_same_type(context, dy, 0);
  if (auto cut = known_cut(context, dy == 3)) {
    require_shape(context, dy, sliced(context.shape(0), *cut), "that of the slice");
  }
  return {context.inputs[0]};
}

OpSchema& declare_bounds(OpSchema& schema) {
  return schema
      .optional_arg("starts", ArgKind::kInts,
                    "where the slice begins on axes 0, 1, ...; negative from one past the end")
      .optional_arg("ends", ArgKind::kInts, "where it ends, exclusive: -1 is the end");
}

OpSchema slice_schema() {
  OpSchema schema("Slice");
  schema.doc("A part of X, cut along one axis. Bounds are arguments or inputs.")
      .input("X")
      .optional_input("starts", "int32 or int64, instead of the argument")
      .optional_input("ends")
      .output("Y", "the part of X from starts to ends")
      .infer(infer_slice)
      .gradient([](GradientContext& g) {
        std::vector<std::string> inputs = {g.in(0)};
        if (g.inputs() == 3) inputs.insert(inputs.end(), {g.in(1), g.in(2)});
        inputs.push_back(g.dout(0));
        g.op("SliceGradient", inputs, {g.din(0)});
      });
  return declare_bounds(schema);
}

OpSchema slice_gradient_schema() {
  OpSchema schema("SliceGradient");
  schema.doc("dY where X was cut out, 0 elsewhere. Inputs are X, dY or X, starts, ends, dY.")
      .repeated_input("operands", 2)
      .output("dX", "gradient of X, as it: zero outside of the part")
      .infer(infer_slice_gradient)
      .no_gradient();
  return declare_bounds(schema);
}

const RegisterOperator slice(slice_schema());
const RegisterOperator slice_gradient(slice_gradient_schema());

/// The cut when the kernel runs.
class CutSource {
 public:
  CutSource(const PrepareContext& prepare, int operands) {
    from_inputs_ = static_cast<int>(prepare.inputs.size()) == operands + 2;
    if (from_inputs_) {
      count_ = prepare.inputs[1].shape.numel();
      return;
    }
    cut_ = cut_of(prepare.inputs[0].shape, prepare.args.integers("starts"),
                  prepare.args.integers("ends"));
  }
  Cut at(const OpContext& context) const {
    if (!from_inputs_) return cut_;
    std::array<int64_t, Shape::kMaxRank> starts{}, ends{};
    const size_t count = static_cast<size_t>(std::min<int64_t>(count_, Shape::kMaxRank));
    for (size_t k = 0; k < count; ++k) {
      starts[k] = integer_at(context, 1, static_cast<int64_t>(k));
      ends[k] = integer_at(context, 2, static_cast<int64_t>(k));
    }
    return cut_of(context.input_desc(0).shape, {starts.data(), count}, {ends.data(), count});
  }

 private:
  bool from_inputs_ = false;
  int64_t count_ = 0;
  Cut cut_;
};

/// Scratch for whichever axis is cut.
size_t slice_scratch(const Shape& whole, const Shape& part) {
  size_t bytes = 0;
  for (int axis = 0; axis < whole.rank(); ++axis) {
    bytes = std::max(bytes, IndexMap::along(whole, part, axis).scratch_bytes());
  }
  return bytes;
}

const RegisterCpuKernel slice_cpu("Slice", [](const PrepareContext& prepare) {
  const CutSource source(prepare, 1);
  const Shape whole = prepare.inputs[0].shape, part = prepare.outputs[0].shape;
  return dispatch(CopyTypes{}, copy_type(prepare.inputs[0].dtype), [&]<typename T>() {
    return make_kernel(
        [source, whole, part, width = prepare.width](OpContext& context) {
          const Cut cut = source.at(context);
          copy_along(IndexMap::along(whole, part, cut.axis), width, context.scratch,
                     context.input<T>(0), context.output<T>(0),
                     [&](int64_t i) { return i + cut.begin; });
        },
        slice_scratch(whole, part));
  });
});

const RegisterCpuKernel slice_gradient_cpu("SliceGradient", [](const PrepareContext& prepare) {
  const CutSource source(prepare, 2);
  const int dy = static_cast<int>(prepare.inputs.size()) - 1;
  const Shape whole = prepare.inputs[0].shape, part = prepare.inputs[dy].shape;
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [source, whole, part, dy, width = prepare.width](OpContext& context) {
          const Cut cut = source.at(context);
          require(sliced(whole, cut) == part, ErrorCode::kShapeMismatch,
                  "the gradient of a slice of {} has shape {}, expected {}", whole.to_string(),
                  part.to_string(), sliced(whole, cut).to_string());
          add_along(IndexMap::along(whole, part, cut.axis), width, context.scratch,
                    context.input<T>(dy), context.output<T>(0),
                    [&](int64_t i) { return i + cut.begin; });
        },
        slice_scratch(whole, part));
  });
});

}  // namespace
}  // namespace headrace
