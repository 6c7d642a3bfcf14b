// Max and Min of several tensors, element by element.

#include <algorithm>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/map.h"

namespace headrace {
namespace {

struct Max {
  template <typename T>
  static T pick(T so_far, T x) {
    return so_far < x ? x : so_far;
  }
};
struct Min {
  template <typename T>
  static T pick(T so_far, T x) {
    return x < so_far ? x : so_far;
  }
};

template <typename Op>
std::unique_ptr<Kernel> prepare_pick(const PrepareContext& prepare) {
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          T* y = context.output<T>(0);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            const T* first = context.input<T>(0);
            if (y != first) std::copy(first + begin, first + end, y + begin);
            for (int k = 1; k < context.inputs(); ++k) {
              const T* x = context.input<T>(k);
              for (int64_t i = begin; i < end; ++i) y[i] = Op::pick(y[i], x[i]);
            }
          });
        });
  });
}

/// Inputs are the output, its gradient, and the operands; each operand that equals the output gets
/// the gradient.
std::unique_ptr<Kernel> prepare_pick_gradient(const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [count = prepare.inputs[0].shape.numel(), width = prepare.width](OpContext& context) {
          const T* y = context.input<T>(0);
          const T* dy = context.input<T>(1);
          for_parts(width, count, [&](int64_t begin, int64_t end) {
            for (int k = 0; k < context.outputs(); ++k) {
              const T* x = context.input<T>(k + 2);
              T* dx = context.output<T>(k);
              if (dx == nullptr) continue;
              for (int64_t i = begin; i < end; ++i) dx[i] = x[i] == y[i] ? dy[i] : T{0};
            }
          });
        });
  });
}

std::vector<TensorType> infer_pick(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  for (int i = 1; i < static_cast<int>(context.inputs.size()); ++i) {
    require_same_type(context, i, 0);
    require_same_shape(context, i, 0);
  }
  return {context.inputs[0]};
}

std::vector<TensorType> infer_pick_gradient(const InferContext& context) {
  infer_map(context);
  require(context.outputs + 2 <= static_cast<int>(context.inputs.size()), ErrorCode::kInvalidNet,
          "the inputs are Y, dY and an X for each of the {} outputs, found {} inputs",
          context.outputs, context.inputs.size());
  return std::vector<TensorType>(context.outputs, context.inputs[0]);
}

OpSchema pick_schema(const std::string& type, const char* doc) {
  OpSchema schema(type);
  schema.doc(doc)
      .repeated_input("X")
      .output("Y")
      .inplace(0, 0)
      .infer(infer_pick)
      .layout(LayoutPolicy::kFollows)
      .gradient([type](GradientContext& g) {
        std::vector<std::string> inputs = {g.out(0), g.dout(0)};
        std::vector<std::string> outputs;
        for (int i = 0; i < g.inputs(); ++i) {
          inputs.push_back(g.in(i));
          outputs.push_back(g.din(i));
        }
        g.op(type + "Gradient", inputs, outputs);
      });
  return schema;
}

OpSchema pick_gradient_schema(const char* type) {
  OpSchema schema(type);
  schema.doc("dX[k] = dY where X[k] is the Y that was picked, also where several are; 0 elsewhere.")
      .input("Y")
      .input("dY")
      .repeated_input("X")
      .repeated_output("dX")
      .infer(infer_pick_gradient)
      .layout(LayoutPolicy::kFollows)
      .no_gradient();
  return schema;
}

const RegisterOperator max_operator(pick_schema("Max",
                                                "The greatest of the inputs, element by element."));
const RegisterOperator min_operator(pick_schema("Min",
                                                "The smallest of the inputs, element by element."));
const RegisterOperator max_gradient(pick_gradient_schema("MaxGradient"));
const RegisterOperator min_gradient(pick_gradient_schema("MinGradient"));
const RegisterCpuKernel max_cpu("Max", prepare_pick<Max>);
const RegisterCpuKernel min_cpu("Min", prepare_pick<Min>);
const RegisterCpuKernel max_gradient_cpu("MaxGradient", prepare_pick_gradient);
const RegisterCpuKernel min_gradient_cpu("MinGradient", prepare_pick_gradient);

}  // namespace
}  // namespace headrace
