#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/join.h"
#include "operators/strided_copy.h"

namespace headrace {
namespace {

/// Whether two pieces fit side by side.
void check_pieces(const InferContext& context, JoinAxis axis) {
  for (int i = 1; i < static_cast<int>(context.inputs.size()); ++i) {
    require_same_type(context, i, 0);
    require_rank(context, i, context.shape(0).rank());
    for (int d = 0; d < context.shape(0).rank(); ++d) {
      bool free = !axis.added && d == axis.axis;
      require(free || context.shape(i)[d] == context.shape(0)[d], ErrorCode::kShapeMismatch,
              "{} and {}; their shapes may differ {}", describe_input(context, 0),
              describe_input(context, i),
              axis.added ? "nowhere" : fmt::format("on axis {} only", axis.axis));
    }
  }
}

std::vector<TensorType> infer_concat(const InferContext& context) {
  JoinAxis axis = join_axis(context.args, context.shape(0).rank(), /*rank_is_of_whole=*/false);
  check_pieces(context, axis);
  std::vector<int64_t> dims(context.shape(0).begin(), context.shape(0).end());
  if (axis.added) dims.insert(dims.begin() + axis.axis, 0);
  int64_t size = 0;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    size += piece_size(context.shape(static_cast<int>(i)), axis);
  }
  dims[axis.axis] = size;
  auto pieces = static_cast<int64_t>(context.inputs.size());
  return {{context.dtype(0), Shape(dims)}, {DType::kInt32, Shape{pieces}}};
}

OpSchema concat_schema() {
  OpSchema schema("Concat");
  schema.doc("The inputs side by side along one axis; they may differ in size there only.")
      .repeated_input("X")
      .output("Y", "the inputs, one behind the other along the axis")
      .output("sizes", "int32: the size of each input along the axis");
  declare_join(schema)
      .infer(infer_concat)
      .fold([](const InferContext& context) {
        JoinAxis axis = join_axis(context.args, context.shape(0).rank(), false);
        std::vector<int32_t> sizes;
        for (const TensorType& type : context.inputs) {
          sizes.push_back(static_cast<int32_t>(piece_size(*type.shape, axis)));
        }
        auto pieces = static_cast<int64_t>(sizes.size());
        return std::vector<Tensor>{Tensor(), Tensor::from<int32_t>({pieces}, std::span(sizes))};
      })
      .layout(LayoutPolicy::kFollowsUneven, {}, {0})
      .gradient([](GradientContext& g) {
        std::vector<std::string> outputs;
        for (int i = 0; i < g.inputs(); ++i) outputs.push_back(g.din(i));
        g.op("Split", {g.dout(0), g.out(1)}, outputs);
      });
  return schema;
}
const RegisterOperator concat(concat_schema());

const RegisterCpuKernel concat_cpu("Concat", [](const PrepareContext& prepare) {
  JoinAxis axis =
      join_axis(prepare.args, prepare.inputs[0].shape.rank(), /*rank_is_of_whole=*/false);
  std::vector<int32_t> sizes;
  for (const TensorDesc& piece : prepare.inputs) {
    sizes.push_back(static_cast<int32_t>(piece_size(piece.shape, axis)));
  }
  std::vector<StridedLoop> loops;
  int64_t stride = 0;
  if (prepare.wants(0)) {
    for (const TensorDesc& piece : prepare.inputs) {
      loops.push_back(place_piece(piece, prepare.outputs[0], axis));
    }
    stride = strides_of(prepare.outputs[0])[axis.axis];
  }
  return dispatch(CopyTypes{}, copy_type(prepare.inputs[0].dtype), [&]<typename T>() {
    return make_kernel([loops, sizes, stride, width = prepare.width](OpContext& context) {
      if (auto* out = context.output<int32_t>(1)) std::copy(sizes.begin(), sizes.end(), out);
      T* y = context.output<T>(0);
      if (y == nullptr) return;
      for (int i = 0; i < context.inputs(); ++i) {
        const T* x = context.input<T>(i);
        for_parts(width, loops[i].numel(),
                  [&](int64_t first, int64_t last) { scatter(loops[i], x, y, first, last); });
        y += sizes[i] * stride;
      }
    });
  });
});

}  // namespace
}  // namespace headrace
