#include <cmath>

#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/axis.h"
#include "operators/checks.h"
#include "operators/map.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// Norms below count as this.
constexpr double kLeastNorm = 1e-12;

std::vector<TensorType> infer_normalize(const InferContext& context) {
  std::vector<TensorType> types = infer_map(context);
  axis_of(context.args, context.shape(0));
  return types;
}

OpSchema normalize_schema() {
  OpSchema schema("Normalize");
  schema.doc("X divided by its Euclidean norm along an axis; norms below 1e-12 count as that.")
      .input("X")
      .output("Y")
      .arg("axis", -1, "negative from the end")
      .inplace(0, 0)
      .infer(infer_normalize)
      .cost(cost_per_element(4))
      .gradient([](GradientContext& g) {
        g.op("NormalizeGradient", {g.in(0), g.dout(0)}, {g.din(0)});
      });
  return schema;
}
const RegisterOperator normalize(normalize_schema());
const RegisterOperator normalize_gradient(
    OpSchema("NormalizeGradient")
        .doc("dX = dY / |X| - X (X . dY) / |X|^3, along the axis.")
        .input("X")
        .input("dY")
        .output("dX")
        .arg("axis", -1, "negative from the end")
        .inplace(1, 0)
        .infer(infer_normalize)
        .cost(cost_per_element(8))
        .no_gradient());

/// Calls f(first, stride, count) for every line along the axis, in parallel.
struct Lines {
  int64_t outer, size, inner;
  int width;

  static Lines of(const PrepareContext& prepare) {
    const Shape& shape = prepare.inputs[0].shape;
    const int axis = axis_of(prepare.args, shape);
    return {shape.product(0, axis), shape[axis], shape.product(axis + 1, shape.rank()),
            prepare.width};
  }
  template <typename F>
  void for_each(F f) const {
    for_parts(
        width, outer * inner,
        [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            f(line / inner * size * inner + line % inner);
          }
        },
        /*grain=*/1);
  }
};

const RegisterCpuKernel normalize_cpu("Normalize", [](const PrepareContext& prepare) {
  const Lines lines = Lines::of(prepare);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([lines](OpContext& context) {
      const T* x = context.input<T>(0);
      T* y = context.output<T>(0);
      lines.for_each([&](int64_t first) {
        double squares = 0;
        for (int64_t i = 0; i < lines.size; ++i) {
          const double value = x[first + i * lines.inner];
          squares += value * value;
        }
        const double factor = 1 / std::max(std::sqrt(squares), kLeastNorm);
        for (int64_t i = 0; i < lines.size; ++i) {
          const int64_t at = first + i * lines.inner;
          y[at] = static_cast<T>(static_cast<double>(x[at]) * factor);
        }
      });
    });
  });
});

const RegisterCpuKernel normalize_gradient_cpu(
    "NormalizeGradient", [](const PrepareContext& prepare) {
      const Lines lines = Lines::of(prepare);
      return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
        return make_kernel([lines](OpContext& context) {
          const T* x = context.input<T>(0);
          const T* dy = context.input<T>(1);
          T* dx = context.output<T>(0);
          lines.for_each([&](int64_t first) {
            double squares = 0, product = 0;
            for (int64_t i = 0; i < lines.size; ++i) {
              const double value = x[first + i * lines.inner];
              squares += value * value;
              product += value * static_cast<double>(dy[first + i * lines.inner]);
            }
            const double norm = std::max(std::sqrt(squares), kLeastNorm);
            const double factor = product / (norm * norm * norm);
            for (int64_t i = 0; i < lines.size; ++i) {
              const int64_t at = first + i * lines.inner;
              dx[at] = static_cast<T>(static_cast<double>(dy[at]) / norm -
                                      static_cast<double>(x[at]) * factor);
            }
          });
        });
      });
    });

}  // namespace
}  // namespace headrace
