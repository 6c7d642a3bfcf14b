#include <string>

#include "core/registry.h"
#include "operators/broadcast.h"
#include "operators/checks.h"
#include "operators/map.h"

namespace headrace {
namespace {

using WhereTypes = Types<float, double, int32_t, int64_t, bool, std::string>;

std::vector<TensorType> infer_where(const InferContext& context) {
  require_type(context, 0, Types<bool>{});
  require_type(context, 1, WhereTypes{});
  require_same_type(context, 2, 1);
  require_same_shape(context, 2, 1);
  if (context.args.flag("broadcast_on_rows")) {
    const Shape& shape = context.shape(1);
    require(
        context.shape(0).rank() == 1 && shape.rank() >= 1 && context.shape(0)[0] == shape[0],
        ErrorCode::kShapeMismatch,
        "{} and {}; with broadcast_on_rows: 1 the condition needs one element for each row of X",
        describe_input(context, 0), describe_input(context, 1));
  } else {
    require_same_shape(context, 1, 0);
  }
  return {context.inputs[1]};
}

const RegisterOperator where(OpSchema("Where")
                                 .doc("Z = X where C is true, Y elsewhere.")
                                 .input("C", "bool")
                                 .input("X")
                                 .input("Y")
                                 .output("Z")
                                 .arg("broadcast_on_rows", 0,
                                      "1: C has one element for each row of X")
                                 .inplace(1, 0)
                                 .inplace(2, 0)
                                 .infer(infer_where)
                                 .cost(cost_per_element(1))
                                 .layout(LayoutPolicy::kFollows)
                                 .no_gradient());

const RegisterCpuKernel where_cpu("Where", [](const PrepareContext& prepare) {
  StridedLoop loop(prepare.outputs[0], {{&prepare.inputs[0], 0}});
  return dispatch(WhereTypes{}, prepare.inputs[1].dtype, [&]<typename T>() {
    return make_kernel([loop, width = prepare.width](OpContext& context) {
      const bool* choice = context.input<bool>(0);
      const T* x = context.input<T>(1);
      const T* y = context.input<T>(2);
      T* z = context.output<T>(0);
      const int64_t stride = loop.inner_stride(0);
      for_parts(width, loop.numel(), [&](int64_t begin, int64_t end) {
        loop.run(begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
          const bool* chosen = choice + offsets[0];
          for (int64_t i = 0; i < length; ++i) {
            z[at + i] = chosen[i * stride] ? x[at + i] : y[at + i];
          }
        });
      });
    });
  });
});

}  // namespace
}  // namespace headrace
