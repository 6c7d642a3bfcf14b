#include <numeric>
#include <optional>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/join.h"
#include "operators/strided_copy.h"

namespace headrace {
namespace {

/// The sizes of the outputs along the axis: from input 1, the argument, or equal ones; nothing
/// while input 1 is not known.
std::optional<std::vector<int64_t>> sizes_of(const InferContext& context, int64_t size) {
  auto given = context.args.integers("split");
  if (context.inputs.size() > 1) {
    require(given.empty(), ErrorCode::kInvalidArgument,
            "the sizes are input 1; leave out the argument 'split'");
    require_type(context, 1, Types<int32_t>{});
    require_rank(context, 1, 1);
    require_count(context, 1, context.outputs);
    if (context.value(1) == nullptr) return std::nullopt;
    auto values = context.value(1)->data<int32_t>();
    return std::vector<int64_t>(values.begin(), values.end());
  }
  if (!given.empty()) return std::vector<int64_t>(given.begin(), given.end());
  require(size % context.outputs == 0, ErrorCode::kShapeMismatch,
          "size {} cannot be split into {} equal parts; give 'split', their sizes", size,
          context.outputs);
  return std::vector<int64_t>(context.outputs, size / context.outputs);
}

void check_sizes(const std::vector<int64_t>& sizes, int outputs, int64_t size, bool added) {
  require(static_cast<int>(sizes.size()) == outputs, ErrorCode::kInvalidArgument,
          "'split' has {} sizes for {} outputs", sizes.size(), outputs);
  for (int64_t part : sizes) {
    require(part >= 0 && (!added || part == 1), ErrorCode::kInvalidArgument,
            "parts must have {}, found sizes {}",
            added ? "size 1 with add_axis" : "sizes of 0 or more", fmt::join(sizes, ", "));
    // Each by itself, so that their sum does not overflow.
    require(part <= size, ErrorCode::kShapeMismatch,
            "the sizes {} must add up to that of the input, {}", fmt::join(sizes, ", "), size);
  }
  require(std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) == size,
          ErrorCode::kShapeMismatch, "the sizes {} must add up to that of the input, {}",
          fmt::join(sizes, ", "), size);
}

std::vector<TensorType> infer_split(const InferContext& context) {
  const Shape& whole = context.shape(0);
  JoinAxis axis = join_axis(context.args, whole.rank(), /*rank_is_of_whole=*/true);
  auto sizes = sizes_of(context, whole[axis.axis]);
  if (!sizes) return std::vector<TensorType>(context.outputs, {context.dtype(0), std::nullopt});
  check_sizes(*sizes, context.outputs, whole[axis.axis], axis.added);
  std::vector<TensorType> types;
  for (int64_t size : *sizes) {
    std::vector<int64_t> dims(whole.begin(), whole.end());
    if (axis.added) {
      dims.erase(dims.begin() + axis.axis);
    } else {
      dims[axis.axis] = size;
    }
    types.push_back({context.dtype(0), Shape(dims)});
  }
  return types;
}

OpSchema split_schema() {
  OpSchema schema("Split");
  schema.doc("The input cut into its outputs along one axis.")
      .input("X")
      .optional_input("sizes", "int32: the size of each output along the axis")
      .repeated_output("Y", 1, "the parts of X along the axis, in order");
  declare_join(schema)
      .optional_arg("split", ArgKind::kInts, "the sizes; equal ones without it and without input 1")
      .infer(infer_split)
      .layout(LayoutPolicy::kFollowsUneven, {0})
      .gradient([](GradientContext& g) {
        std::vector<std::string> douts;
        for (int i = 0; i < g.outputs(); ++i) douts.push_back(g.dout(i));
        std::string dx = g.din(0);
        remove_arg(g.op("Concat", douts, {dx, "_" + dx + "_dims"}), "split");
      });
  return schema;
}
const RegisterOperator split(split_schema());

/// The sizes that need no input: those of the argument, or equal ones. Outputs cannot be asked, as
/// one that nobody reads has no description.
std::vector<int64_t> fixed_sizes(const PrepareContext& prepare, JoinAxis axis) {
  auto given = prepare.args.integers("split");
  if (!given.empty()) return {given.begin(), given.end()};
  auto outputs = static_cast<int64_t>(prepare.outputs.size());
  return std::vector<int64_t>(prepare.outputs.size(), prepare.inputs[0].shape[axis.axis] / outputs);
}

const RegisterCpuKernel split_cpu("Split", [](const PrepareContext& prepare) {
  JoinAxis axis =
      join_axis(prepare.args, prepare.inputs[0].shape.rank(), /*rank_is_of_whole=*/true);
  std::vector<StridedLoop> loops;
  for (size_t i = 0; i < prepare.outputs.size(); ++i) {
    // The walk of an output that nobody reads is that of a default description, and never taken.
    loops.push_back(place_piece(prepare.outputs[i], prepare.inputs[0], axis));
  }
  return dispatch(CopyTypes{}, copy_type(prepare.inputs[0].dtype), [&]<typename T>() {
    return make_kernel([loops, sizes = fixed_sizes(prepare, axis),
                        stride = strides_of(prepare.inputs[0])[axis.axis],
                        width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      const int32_t* given = context.inputs() > 1 ? context.input<int32_t>(1) : nullptr;
      for (int i = 0; i < context.outputs(); ++i) {
        if (T* y = context.output<T>(i)) {
          for_parts(width, loops[i].numel(),
                    [&](int64_t first, int64_t last) { gather(loops[i], y, x, first, last); });
        }
        x += (given == nullptr ? sizes[i] : int64_t{given[i]}) * stride;
      }
    });
  });
});

}  // namespace
}  // namespace headrace
