// ReduceFrontSum, ReduceFrontMean, ReduceBackSum, ReduceBackMean: over the first or last axes, with
// an optional length for each result.

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/reduction.h"

namespace headrace {
namespace {

/// X as a matrix whose rows (front) or columns (back) are reduced.
struct Sides {
  int64_t terms = 1;
  int64_t results = 1;
  AxisMask mask{};
  Shape shape;
};

Sides sides_of(const Args& args, const Shape& x, bool front) {
  const int64_t count = args.integer("num_reduce_dim");
  require(count >= 0 && count <= x.rank(), ErrorCode::kInvalidArgument,
          "num_reduce_dim {} is not between 0 and the rank of {}", count, x.to_string());
  const int first = front ? 0 : x.rank() - static_cast<int>(count);
  const int last = front ? static_cast<int>(count) : x.rank();
  Sides sides;
  std::vector<int64_t> dims;
  for (int axis = 0; axis < x.rank(); ++axis) {
    sides.mask[axis] = axis >= first && axis < last;
    if (!sides.mask[axis]) dims.push_back(x[axis]);
  }
  sides.shape = Shape(dims);
  sides.terms = x.product(first, last);
  sides.results = sides.shape.numel();
  return sides;
}

void require_lengths(const InferContext& context, int i, const Sides& sides) {
  if (static_cast<int>(context.inputs.size()) <= i) return;
  require_type(context, i, Types<int32_t>{});
  require_shape(context, i, {sides.results}, "one length for each result");
}

template <bool kFront>
std::vector<TensorType> infer_side(const InferContext& context) {
  require_type(context, 0, NumberTypes{});
  const Sides sides = sides_of(context.args, context.shape(0), kFront);
  require_lengths(context, 1, sides);
  return {{context.dtype(0), sides.shape}};
}

template <bool kFront>
std::vector<TensorType> infer_side_gradient(const InferContext& context) {
  require_type(context, 1, FloatTypes{});
  require_same_type(context, 0, 1);
  const Sides sides = sides_of(context.args, context.shape(1), kFront);
  require_shape(context, 0, sides.shape, "that of the reduced X");
  require_lengths(context, 2, sides);
  return {context.inputs[1]};
}

void check_lengths(const int32_t* lengths, const Sides& sides) {
  for (int64_t k = 0; lengths != nullptr && k < sides.results; ++k) {
    require(lengths[k] >= 0 && lengths[k] <= sides.terms, ErrorCode::kNumeric,
            "length {} of result {} is not between 0 and {}", lengths[k], k, sides.terms);
  }
}

/// Where term t of result k stands.
template <bool kFront>
int64_t position(const Sides& sides, int64_t t, int64_t k) {
  return kFront ? t * sides.results + k : k * sides.terms + t;
}

template <bool kFront, bool kMean>
std::unique_ptr<Kernel> prepare_side(const PrepareContext& prepare) {
  const Sides sides = sides_of(prepare.args, prepare.inputs[0].shape, kFront);
  const Reduction reduction(prepare.inputs[0], sides.mask);
  const bool has_lengths = prepare.inputs.size() > 1;
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [=, width = prepare.width](OpContext& context) {
          const T* x = context.input<T>(0);
          T* y = context.output<T>(0);
          if (!has_lengths) {
            return reduce_sums(reduction, width, context.scratch, x, y, kMean);
          }
          const int32_t* lengths = context.input<int32_t>(1);
          check_lengths(lengths, sides);
          for_parts(width, sides.results, [&](int64_t begin, int64_t end) {
            for (int64_t k = begin; k < end; ++k) {
              SumOf<T> sum = 0;
              for (int64_t t = 0; t < lengths[k]; ++t) {
                sum += static_cast<SumOf<T>>(x[position<kFront>(sides, t, k)]);
              }
              if (!kMean || lengths[k] == 0) {
                y[k] = static_cast<T>(sum);
              } else if constexpr (std::is_floating_point_v<T>) {
                y[k] = static_cast<T>(sum / lengths[k]);
              } else {
                y[k] = static_cast<T>(static_cast<int64_t>(sum) / lengths[k]);
              }
            }
          });
        },
        sum_scratch<T>(reduction));
  });
}

template <bool kFront, bool kMean>
std::unique_ptr<Kernel> prepare_side_gradient(const PrepareContext& prepare) {
  const Sides sides = sides_of(prepare.args, prepare.inputs[1].shape, kFront);
  const bool has_lengths = prepare.inputs.size() > 2;
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([=, width = prepare.width](OpContext& context) {
      const T* dy = context.input<T>(0);
      const int32_t* lengths = has_lengths ? context.input<int32_t>(2) : nullptr;
      T* dx = context.output<T>(0);
      check_lengths(lengths, sides);
      auto put = [&](int64_t t, int64_t k) {
        const int64_t length = lengths != nullptr ? lengths[k] : sides.terms;
        const T share = kMean && length > 0 ? dy[k] / static_cast<T>(length) : dy[k];
        dx[position<kFront>(sides, t, k)] = t < length ? share : T{0};
      };
      for_parts(width, sides.terms * sides.results, [&](int64_t begin, int64_t end) {
        const int64_t inner = kFront ? sides.results : sides.terms;
        for (int64_t at = begin; at < end; ++at) {
          if (kFront) {
            put(at / inner, at % inner);
          } else {
            put(at % inner, at / inner);
          }
        }
      });
    });
  });
}

template <bool kFront, bool kMean>
struct RegisterSide {
  RegisterSide(const std::string& type, const char* doc)
      : forward(forward_schema(type, doc)),
        backward(backward_schema(type)),
        forward_kernel(type, prepare_side<kFront, kMean>),
        backward_kernel(type + "Gradient", prepare_side_gradient<kFront, kMean>) {}

  static OpSchema& declare(OpSchema& schema) {
    return schema
        .differs(
            "Of a length of 0 nothing counts, and one past the end is an error; Caffe2 counts the "
            "first term, and reads past the end.")
        .optional_input("lengths",
                        "int32, one for each result: only so many terms count, from the first on")
        .arg("num_reduce_dim", 1, "how many axes are reduced");
  }
  static OpSchema forward_schema(const std::string& type, const char* doc) {
    OpSchema schema(type);
    schema.doc(doc).input("X").output("Y", "X without the axes that are reduced");
    return declare(schema)
        .infer(infer_side<kFront>)
        .cost([](const CostContext& context) {
          return Cost{static_cast<double>(context.inputs[0].shape.numel()),
                      context.operand_bytes()};
        })
        .gradient([type](GradientContext& g) {
          std::vector<std::string> inputs = {g.dout(0), g.in(0)};
          if (g.inputs() > 1) inputs.push_back(g.in(1));
          g.op(type + "Gradient", inputs, {g.din(0)});
        });
  }
  static OpSchema backward_schema(const std::string& type) {
    OpSchema schema(type + "Gradient");
    schema.doc("The gradient of each result, or its share of a mean, for every term that counted.")
        .input("dY")
        .input("X", "only its shape is used")
        .output("dX");
    return declare(schema).infer(infer_side_gradient<kFront>).no_gradient();
  }

  RegisterOperator forward;
  RegisterOperator backward;
  RegisterCpuKernel forward_kernel;
  RegisterCpuKernel backward_kernel;
};

const RegisterSide<true, false> front_sum("ReduceFrontSum", "Sums over the first axes.");
const RegisterSide<true, true> front_mean("ReduceFrontMean",
                                          "Means over the first axes; 0 of no terms.");
const RegisterSide<false, false> back_sum("ReduceBackSum", "Sums over the last axes.");
const RegisterSide<false, true> back_mean("ReduceBackMean",
                                          "Means over the last axes; 0 of no terms.");

}  // namespace
}  // namespace headrace
