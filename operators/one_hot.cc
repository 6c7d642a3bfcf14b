#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/index_input.h"
#include "operators/parts.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_one_hot(const InferContext& context) {
  require_type(context, 0, Types<int64_t>{});
  require_rank(context, 0, 1);
  require_type(context, 1, Types<int64_t>{});
  require_single(context, 1);
  auto size = known_integers(context, 1);
  if (!size) return {{DType::kFloat32, std::nullopt}};
  require(size->front() >= 0, ErrorCode::kInvalidArgument, "there cannot be {} classes",
          size->front());
  return {{DType::kFloat32, Shape{context.shape(0)[0], size->front()}}};
}

const RegisterOperator one_hot(
    OpSchema("OneHot")
        .doc("Row i is 1 in the column of index i and 0 elsewhere.")
        .differs("An index outside is an error; Caffe2 writes into another row.")
        .input("indices", "int64, a vector")
        .input("size", "int64, one element: the number of columns")
        .output("Y", "float32")
        .infer(infer_one_hot)
        .no_gradient());

const RegisterCpuKernel one_hot_cpu("OneHot", [](const PrepareContext& prepare) {
  const Shape& shape = prepare.outputs[0].shape;
  return make_kernel(
      [rows = shape[0], columns = shape[1], width = prepare.width](OpContext& context) {
        const int64_t* indices = context.input<int64_t>(0);
        float* y = context.output<float>(0);
        for_parts(width, rows, [&](int64_t begin, int64_t end) {
          std::fill(y + begin * columns, y + end * columns, 0.0f);
          for (int64_t row = begin; row < end; ++row) {
            const int64_t index = indices[row];
            require(index >= 0 && index < columns, ErrorCode::kNumeric,
                    "index {} at position {} is none of the {} columns", index, row, columns);
            y[row * columns + index] = 1;
          }
        });
      });
});

}  // namespace
}  // namespace headrace
