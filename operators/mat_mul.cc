// MatMul and BatchMatMul, by oneDNN.

#include <algorithm>
#include <optional>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/broadcast.h"
#include "operators/checks.h"
#include "operators/dnnl/matrix_product.h"
#include "operators/parts.h"

namespace headrace {
namespace {

/// The sizes of C = A B after transposing: A is m x k, B is k x n.
struct ProductShape {
  int64_t m = 0, k = 0, n = 0;
  bool trans_a = false, trans_b = false;

  bool empty() const { return m * k * n == 0; }
  double flops() const {
    return 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n);
  }
  MatrixProduct::Problem problem(int width) const {
    return {.m = m, .k = k, .n = n, .transpose_a = trans_a, .transpose_b = trans_b, .width = width};
  }
};

ProductShape product_shape(const Args& args, int64_t a_rows, int64_t a_cols, int64_t b_rows,
                           int64_t b_cols) {
  ProductShape shape{.trans_a = args.flag("trans_a"), .trans_b = args.flag("trans_b")};
  if (shape.trans_a) std::swap(a_rows, a_cols);
  if (shape.trans_b) std::swap(b_rows, b_cols);
  require(a_cols == b_rows, ErrorCode::kShapeMismatch,
          "a {}x{} matrix cannot be multiplied by a {}x{} one{}", a_rows, a_cols, b_rows, b_cols,
          shape.trans_a || shape.trans_b ? " (after transposing)" : "");
  shape.m = a_rows;
  shape.k = a_cols;
  shape.n = b_cols;
  return shape;
}

OpSchema& declare_transposes(OpSchema& schema) {
  return schema.arg("trans_a", 0, "1: A is given transposed")
      .arg("trans_b", 0, "1: B is given transposed");
}

ProductShape mat_mul_shape(const Args& args, const Shape& a, const Shape& b) {
  auto split = [&](const char* name, const Shape& shape) {
    const int64_t axis = args.integer(name);
    require(axis >= -shape.rank() && axis < shape.rank(), ErrorCode::kInvalidArgument,
            "{} {}: {} has no such axis", name, axis, shape.to_string());
    return static_cast<int>(axis < 0 ? axis + shape.rank() : axis);
  };
  const int at_a = split("axis_a", a), at_b = split("axis_b", b);
  return product_shape(args, a.product(0, at_a), a.product(at_a, a.rank()), b.product(0, at_b),
                       b.product(at_b, b.rank()));
}

std::vector<TensorType> infer_mat_mul(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  const ProductShape shape = mat_mul_shape(context.args, context.shape(0), context.shape(1));
  if (context.inputs.size() < 3) return {{context.dtype(0), Shape{shape.m, shape.n}}};
  require_count(context, 2, shape.m * shape.n);
  return {{context.dtype(0), context.shape(2)}};
}

void mat_mul_gradient(GradientContext& g) {
  require(g.inputs() == 2, ErrorCode::kInvalidNet,
          "MatMul has no gradient where a third input gives its shape");
  const bool trans_a = g.args().flag("trans_a"), trans_b = g.args().flag("trans_b");
  const int64_t axis_a = g.args().integer("axis_a"), axis_b = g.args().integer("axis_b");
  auto product = [&](const std::string& a, bool ta, int64_t at_a, const std::string& b, bool tb,
                     int64_t at_b, int like) {
    OperatorDef& op = g.op("MatMul", {a, b, g.in(like)}, {g.din(like)});
    for (const char* name : {"trans_a", "trans_b", "axis_a", "axis_b"}) remove_arg(op, name);
    if (ta) set_arg(op, "trans_a", int64_t{1});
    if (tb) set_arg(op, "trans_b", int64_t{1});
    if (at_a != 1) set_arg(op, "axis_a", at_a);
    if (at_b != 1) set_arg(op, "axis_b", at_b);
  };
  // dY is a matrix: axis 1.
  if (trans_a) {
    product(g.in(1), trans_b, axis_b, g.dout(0), true, 1, 0);
  } else {
    product(g.dout(0), false, 1, g.in(1), !trans_b, axis_b, 0);
  }
  if (trans_b) {
    product(g.dout(0), true, 1, g.in(0), trans_a, axis_a, 1);
  } else {
    product(g.in(0), !trans_a, axis_a, g.dout(0), false, 1, 1);
  }
}

OpSchema mat_mul_schema() {
  OpSchema schema("MatMul");
  schema
      .doc(
          "The product of two matrices. An operand of more dimensions is read as a matrix whose "
          "rows are the axes before `axis_a` (`axis_b`).")
      .differs("The gradient is right for any axes; Caffe2's fits matrices only.")
      .input("A", "m x k")
      .input("B", "k x n")
      .optional_input("like", "gives its shape to the result; only that is used")
      .output("C", "m x n");
  return declare_transposes(schema)
      .arg("axis_a", 1)
      .arg("axis_b", 1)
      .infer(infer_mat_mul)
      .cost([](const CostContext& context) {
        return Cost{
            mat_mul_shape(context.args, context.inputs[0].shape, context.inputs[1].shape).flops(),
            context.operand_bytes()};
      })
      .gradient(mat_mul_gradient);
}
const RegisterOperator mat_mul(mat_mul_schema());

const RegisterCpuKernel mat_mul_cpu(
    "MatMul", [](const PrepareContext& prepare) -> std::unique_ptr<Kernel> {
      require_float32(prepare, {0, 1});
      const ProductShape shape =
          mat_mul_shape(prepare.args, prepare.inputs[0].shape, prepare.inputs[1].shape);
      if (shape.empty()) {
        return make_kernel([count = shape.m * shape.n](OpContext& context) {
          std::fill_n(context.output<float>(0), count, 0.0f);
        });
      }
      MatrixProduct product(shape.problem(prepare.width));
      return make_kernel(
          [product](OpContext& context) {
            product.run(context.input<float>(0), context.input<float>(1), nullptr,
                        context.output<float>(0), context.scratch);
          },
          product.scratch_bytes());
    });

/// Many products: the last two axes are matrices, those before them say which belong together.
struct BatchShape {
  ProductShape product;
  Shape batch;  // of the result
  Shape batch_a, batch_b;
  Shape result;
};

BatchShape batch_shape(const Args& args, const Shape& a, const Shape& b) {
  const bool broadcast = args.flag("broadcast");
  require(a.rank() >= 1 && b.rank() >= 1, ErrorCode::kShapeMismatch,
          "BatchMatMul needs at least one dimension, found {} and {}", a.to_string(),
          b.to_string());
  const bool a_vector = a.rank() == 1, b_vector = b.rank() == 1;
  BatchShape shape;
  // A vector on the left is a row, on the right a column, whatever trans_a and trans_b say.
  const int ra = a.rank(), rb = b.rank();
  int64_t a_rows = a_vector ? 1 : a[ra - 2], a_cols = a[ra - 1];
  int64_t b_rows = b_vector ? b[0] : b[rb - 2], b_cols = b_vector ? 1 : b[rb - 1];
  if (a_vector && args.flag("trans_a")) std::swap(a_rows, a_cols);
  if (b_vector && args.flag("trans_b")) std::swap(b_rows, b_cols);
  shape.product = product_shape(args, a_rows, a_cols, b_rows, b_cols);
  shape.batch_a = Shape(a.dims().first(static_cast<size_t>(std::max(0, ra - 2))));
  shape.batch_b = Shape(b.dims().first(static_cast<size_t>(std::max(0, rb - 2))));
  if (shape.batch_a == shape.batch_b) {
    shape.batch = shape.batch_a;
  } else {
    require(broadcast, ErrorCode::kShapeMismatch,
            "{} and {} hold {} and {} matrices; without broadcast: 1 these must be the same",
            a.to_string(), b.to_string(), shape.batch_a.to_string(), shape.batch_b.to_string());
    shape.batch = numpy_broadcast(shape.batch_a, shape.batch_b).output;
  }
  std::vector<int64_t> dims(shape.batch.begin(), shape.batch.end());
  if (!a_vector) dims.push_back(shape.product.m);
  if (!b_vector) dims.push_back(shape.product.n);
  if (a_vector && b_vector) dims.push_back(1);
  shape.result = Shape(dims);
  return shape;
}

std::vector<TensorType> infer_batch(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  require_same_type(context, 1, 0);
  return {{context.dtype(0), batch_shape(context.args, context.shape(0), context.shape(1)).result}};
}

void batch_gradient(GradientContext& g) {
  require(!g.args().flag("broadcast"), ErrorCode::kInvalidNet,
          "BatchMatMul with broadcast: 1 has no gradient");
  const bool trans_a = g.args().flag("trans_a"), trans_b = g.args().flag("trans_b");
  auto product = [&](const std::string& a, bool ta, const std::string& b, bool tb, int input) {
    OperatorDef& op = g.op("BatchMatMul", {a, b}, {g.din(input)});
    for (const char* name : {"trans_a", "trans_b"}) remove_arg(op, name);
    if (ta) set_arg(op, "trans_a", int64_t{1});
    if (tb) set_arg(op, "trans_b", int64_t{1});
  };
  if (trans_a) {
    product(g.in(1), trans_b, g.dout(0), true, 0);
  } else {
    product(g.dout(0), false, g.in(1), !trans_b, 0);
  }
  if (trans_b) {
    product(g.dout(0), true, g.in(0), trans_a, 1);
  } else {
    product(g.in(0), !trans_a, g.dout(0), false, 1);
  }
}

OpSchema batch_schema() {
  OpSchema schema("BatchMatMul");
  schema
      .doc(
          "Products of matrices, the last two axes of the operands. With broadcast: 1 the axes "
          "before them follow NumPy's rules, and a vector is a row on the left or a column on "
          "the right.")
      .input("A")
      .input("B")
      .output("C", "the batch axes, then rows of A and columns of B");
  return declare_transposes(schema)
      .arg("broadcast", 0)
      .ignored_args({"use_scratch"})
      .infer(infer_batch)
      .cost([](const CostContext& context) {
        const BatchShape shape =
            batch_shape(context.args, context.inputs[0].shape, context.inputs[1].shape);
        return Cost{shape.product.flops() * static_cast<double>(shape.batch.numel()),
                    context.operand_bytes()};
      })
      .gradient(batch_gradient);
}
const RegisterOperator batch_mat_mul(batch_schema());

const RegisterCpuKernel batch_mat_mul_cpu(
    "BatchMatMul", [](const PrepareContext& prepare) -> std::unique_ptr<Kernel> {
      require_float32(prepare, {0, 1});
      const BatchShape shape =
          batch_shape(prepare.args, prepare.inputs[0].shape, prepare.inputs[1].shape);
      const ProductShape& one = shape.product;
      const int64_t count = shape.batch.numel();
      if (count == 0 || one.empty()) {
        return make_kernel([total = shape.result.numel()](OpContext& context) {
          std::fill_n(context.output<float>(0), total, 0.0f);
        });
      }
      // Which matrices of A and B belong to each of the result.
      const TensorDesc whole{DType::kFloat32, shape.batch}, a{DType::kFloat32, shape.batch_a},
          b{DType::kFloat32, shape.batch_b};
      const int rank = shape.batch.rank();
      StridedLoop loop(whole,
                       {{&a, rank - shape.batch_a.rank()}, {&b, rank - shape.batch_b.rank()}});
      // One product after the other, or several at once where there are enough of them.
      const bool several = count >= prepare.width;
      MatrixProduct product(one.problem(several ? 1 : prepare.width));
      const size_t scratch = (product.scratch_bytes() + 63) / 64 * 64;
      const int64_t per_part = (count + prepare.width - 1) / prepare.width;
      return make_kernel(
          [=, width = several ? prepare.width : 1](OpContext& context) {
            const float* from_a = context.input<float>(0);
            const float* from_b = context.input<float>(1);
            float* to = context.output<float>(0);
            for_parts(
                width, (count + per_part - 1) / per_part,
                [&](int64_t first, int64_t last) {
                  for (int64_t part = first; part < last; ++part) {
                    void* mine = static_cast<char*>(context.scratch) + part * scratch;
                    loop.run(
                        part * per_part, std::min((part + 1) * per_part, count),
                        [&](int64_t at, const auto& offsets, int64_t length) {
                          for (int64_t i = 0; i < length; ++i) {
                            product.run(
                                from_a + (offsets[0] + i * loop.inner_stride(0)) * one.m * one.k,
                                from_b + (offsets[1] + i * loop.inner_stride(1)) * one.k * one.n,
                                nullptr, to + (at + i) * one.m * one.n, mine);
                          }
                        });
                  }
                },
                /*grain=*/1);
          },
          scratch * static_cast<size_t>(prepare.width));
    });

}  // namespace
}  // namespace headrace
