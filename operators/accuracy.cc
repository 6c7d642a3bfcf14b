#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

std::vector<TensorType> infer_accuracy(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_rank(context, 0, 2);
  require_type(context, 1, Types<int32_t>{});
  require_rank(context, 1, 1);
  require_count(context, 1, context.shape(0)[0]);
  require(context.args.integer("top_k") >= 1, ErrorCode::kInvalidArgument,
          "top_k must be at least 1, found {}", context.args.integer("top_k"));
  return {{DType::kFloat32, Shape{}}};
}

/// Whether fewer than `top_k` classes come before the label: those with a higher score, and those
/// of equal score and lower index. A NaN score is never right.
template <typename T>
bool is_hit(const T* scores, int64_t classes, int64_t label, int64_t top_k) {
  T score = scores[label];
  if (score != score) return false;
  int64_t before = 0;
  for (int64_t i = 0; i < classes; ++i) {
    before += scores[i] > score || (scores[i] == score && i < label) ? 1 : 0;
  }
  return before < top_k;
}

template <typename T>
int64_t count_hits(const OpContext& context, int64_t rows, int64_t classes, int64_t top_k) {
  const T* scores = context.input<T>(0);
  const auto* labels = context.input<int32_t>(1);
  int64_t hits = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t label = labels[row];
    require(label >= 0 && label < classes, ErrorCode::kNumeric,
            "label {} of row {} is out of range; there are {} classes", label, row, classes);
    hits += is_hit(scores + row * classes, classes, label, top_k) ? 1 : 0;
  }
  return hits;
}

const RegisterOperator accuracy(
    OpSchema("Accuracy")
        .doc("The share of rows whose label is among the top_k highest scores; of equal scores the "
             "lower index counts as higher. NaN for no rows.")
        .input("X", "scores, rows x classes")
        .input("label", "int32, one per row, in [0, classes)")
        .output("accuracy", "a float32 scalar")
        .arg("top_k", 1)
        .infer(infer_accuracy)
        .no_gradient());

const RegisterCpuKernel accuracy_cpu("Accuracy", [](const PrepareContext& prepare) {
  const Shape& shape = prepare.inputs[0].shape;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([rows = shape[0], classes = shape[1],
                        top_k = prepare.args.integer("top_k")](OpContext& context) {
      auto hits = static_cast<float>(count_hits<T>(context, rows, classes, top_k));
      context.output<float>(0)[0] = hits / static_cast<float>(rows);
    });
  });
});

}  // namespace
}  // namespace headrace
