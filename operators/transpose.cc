#include <algorithm>
#include <numeric>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/strided_copy.h"

namespace headrace {
namespace {

/// Axis d of the output is axis axes[d] of the input; without the argument the order is reversed.
std::vector<int> axes_of(const Args& args, int rank) {
  std::vector<int> axes(rank);
  auto given = args.integers("axes");
  if (given.empty()) {
    std::iota(axes.rbegin(), axes.rend(), 0);
    return axes;
  }
  std::vector<bool> seen(rank);
  bool valid = static_cast<int>(given.size()) == rank;
  for (size_t d = 0; valid && d < given.size(); ++d) {
    valid = given[d] >= 0 && given[d] < rank && !seen[given[d]];
    if (!valid) break;
    seen[given[d]] = true;
    axes[d] = static_cast<int>(given[d]);
  }
  require(valid, ErrorCode::kInvalidArgument,
          "'axes' must name each of the {} axes once, from 0 on; found {}", rank,
          fmt::join(given, ", "));
  return axes;
}

const RegisterOperator transpose(
    OpSchema("Transpose")
        .doc("Y has the axes of X in the order of `axes`; reversed without it.")
        .input("X")
        .output("Y", "X with its axes in the order of `axes`")
        .optional_arg("axes", ArgKind::kInts, "axis of X for each axis of Y")
        .infer([](const InferContext& context) {
          std::vector<int64_t> dims;
          for (int axis : axes_of(context.args, context.shape(0).rank())) {
            dims.push_back(context.shape(0)[axis]);
          }
          return std::vector<TensorType>{{context.dtype(0), Shape(dims)}};
        })
        .gradient([](GradientContext& g) {
          auto given = g.args().integers("axes");
          OperatorDef& back = g.op("Transpose", {g.dout(0)}, {g.din(0)});
          if (given.empty()) return;
          std::vector<int64_t> inverse(given.size());
          for (size_t d = 0; d < given.size(); ++d) inverse.at(given[d]) = static_cast<int64_t>(d);
          set_arg(back, "axes", inverse);
        }));

const RegisterCpuKernel transpose_cpu("Transpose", [](const PrepareContext& prepare) {
  std::vector<int> axes = axes_of(prepare.args, prepare.inputs[0].shape.rank());
  Strides of_input = strides_of(prepare.inputs[0]);
  Strides strides{};
  for (size_t d = 0; d < axes.size(); ++d) strides[d] = of_input[axes[d]];
  StridedLoop loop(prepare.outputs[0], std::span<const Strides>(&strides, 1));
  return dispatch(CopyTypes{}, copy_type(prepare.inputs[0].dtype), [&]<typename T>() {
    return make_kernel([loop, width = prepare.width](OpContext& context) {
      const T* x = context.input<T>(0);
      T* y = context.output<T>(0);
      for_parts(width, loop.numel(),
                [&](int64_t begin, int64_t end) { gather(loop, y, x, begin, end); });
    });
  });
});

}  // namespace
}  // namespace headrace
