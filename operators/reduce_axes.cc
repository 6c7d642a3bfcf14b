// ReduceSum, ReduceMean, ReduceMax, ReduceMin over axes, and SumReduceLike.

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/reduction.h"

namespace headrace {
namespace {

AxisMask mask_of(const Args& args, const Shape& shape) {
  AxisMask mask{};
  auto axes = args.integers("axes");
  for (int axis = 0; axis < shape.rank(); ++axis) mask[axis] = axes.empty();
  for (int64_t axis : axes) {
    mask[shape.axis(axis)] = true;
  }
  return mask;
}

Shape reduced_shape(const Args& args, const Shape& shape) {
  const AxisMask mask = mask_of(args, shape);
  std::vector<int64_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!mask[axis]) {
      dims.push_back(shape[axis]);
    } else if (args.flag("keepdims")) {
      dims.push_back(1);
    }
  }
  return Shape(dims);
}

enum class ReduceKind : uint8_t { kSum, kMean, kMax, kMin };

template <ReduceKind kKind>
std::vector<TensorType> infer_reduce(const InferContext& context) {
  if (kKind == ReduceKind::kMean) {
    require_type(context, 0, FloatTypes{});
  } else {
    require_type(context, 0, NumberTypes{});
  }
  const Shape result = reduced_shape(context.args, context.shape(0));
  if (kKind == ReduceKind::kMax || kKind == ReduceKind::kMin) {
    require(context.shape(0).numel() > 0 || result.numel() == 0, ErrorCode::kShapeMismatch,
            "there are no elements to choose from: {} reduced to {}", context.shape(0).to_string(),
            result.to_string());
  }
  return {{context.dtype(0), result}};
}

std::vector<TensorType> infer_reduce_gradient(const InferContext& context) {
  require_type(context, 1, FloatTypes{});
  const Shape reduced = reduced_shape(context.args, context.shape(1));
  for (int i : {0, 2}) {
    require_same_type(context, i, 1);
    require_shape(context, i, reduced, "that of the reduced X");
  }
  return {context.inputs[1]};
}

constexpr const char* kDifference =
    "The greatest and smallest are NaN where there is one, and an error where there is nothing; in "
    "Caffe2 that depends on the place, and on the type.";

OpSchema& declare_axes(OpSchema& schema) {
  return schema
      .optional_arg("axes", ArgKind::kInts,
                    "the axes that are reduced, negative from the end; all without it")
      .arg("keepdims", 1, "1: they stay with one element; 0: they go");
}

Cost reading_cost(const CostContext& context) {
  return {static_cast<double>(context.inputs[0].shape.numel()), context.operand_bytes()};
}

template <ReduceKind kKind>
std::unique_ptr<Kernel> prepare_reduce(const PrepareContext& prepare) {
  const Reduction reduction(prepare.inputs[0], mask_of(prepare.args, prepare.inputs[0].shape));
  return dispatch(NumberTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    if constexpr (kKind == ReduceKind::kSum || kKind == ReduceKind::kMean) {
      return make_kernel(
          [reduction, width = prepare.width](OpContext& context) {
            reduce_sums(reduction, width, context.scratch, context.input<T>(0),
                        context.output<T>(0), kKind == ReduceKind::kMean);
          },
          sum_scratch<T>(reduction));
    } else {
      constexpr bool kMax = kKind == ReduceKind::kMax;
      using Limits = std::numeric_limits<T>;
      constexpr T kStart = Limits::has_infinity ? (kMax ? -Limits::infinity() : Limits::infinity())
                                                : (kMax ? Limits::lowest() : Limits::max());
      // A NaN, once met, is the result.
      auto pick = [](T a, T b) { return ((kMax ? b > a : b < a) | (b != b)) ? b : a; };
      return make_kernel([reduction, pick, width = prepare.width](OpContext& context) {
        auto run = [pick](const T* x, int64_t count) {
          return reduce_lanes<T>(
              count, kStart, [x](int64_t i) { return x[i]; }, pick);
        };
        reduction.reduce(width, context.input<T>(0), context.output<T>(0), kStart, run, pick);
      });
    }
  });
}

/// Inputs are the gradient of Y, X and Y.
template <ReduceKind kKind>
std::unique_ptr<Kernel> prepare_reduce_gradient(const PrepareContext& prepare) {
  const Reduction reduction(prepare.inputs[1], mask_of(prepare.args, prepare.inputs[1].shape));
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([reduction, width = prepare.width](OpContext& context) {
      const T* dy = context.input<T>(0);
      const T* x = context.input<T>(1);
      const T* y = context.input<T>(2);
      T* dx = context.output<T>(0);
      const T factor = kKind == ReduceKind::kMean ? T{1} / static_cast<T>(reduction.terms()) : T{1};
      reduction.for_each(width, [=](int64_t at, int64_t to) {
        if constexpr (kKind == ReduceKind::kMax || kKind == ReduceKind::kMin) {
          dx[at] = x[at] == y[to] ? dy[to] : T{0};
        } else {
          dx[at] = dy[to] * factor;
        }
      });
    });
  });
}

template <ReduceKind kKind>
struct RegisterReduce {
  RegisterReduce(const std::string& type, const char* doc, const char* gradient_doc)
      : forward(forward_schema(type, doc)),
        backward(backward_schema(type, gradient_doc)),
        forward_kernel(type, prepare_reduce<kKind>),
        backward_kernel(type + "Gradient", prepare_reduce_gradient<kKind>) {}

  static OpSchema forward_schema(const std::string& type, const char* doc) {
    OpSchema schema(type);
    schema.doc(doc).input("X").output(
        "Y", "X with the reduced axes of size 1, or without them if keepdims is 0");
    if (kKind == ReduceKind::kMax || kKind == ReduceKind::kMin) schema.differs(kDifference);
    return declare_axes(schema)
        .infer(infer_reduce<kKind>)
        .cost(reading_cost)
        .gradient([type](GradientContext& g) {
          g.op(type + "Gradient", {g.dout(0), g.in(0), g.out(0)}, {g.din(0)});
        });
  }
  static OpSchema backward_schema(const std::string& type, const char* doc) {
    OpSchema schema(type + "Gradient");
    schema.doc(doc).input("dY").input("X").input("Y").output("dX");
    return declare_axes(schema).infer(infer_reduce_gradient).no_gradient();
  }

  RegisterOperator forward;
  RegisterOperator backward;
  RegisterCpuKernel forward_kernel;
  RegisterCpuKernel backward_kernel;
};

const RegisterReduce<ReduceKind::kSum> reduce_sum("ReduceSum", "Sums over axes.",
                                                  "dY for every element of X that was added.");
const RegisterReduce<ReduceKind::kMean> reduce_mean("ReduceMean",
                                                    "Means over axes; 0 of no elements.",
                                                    "dY divided by the number of elements.");
const RegisterReduce<ReduceKind::kMax> reduce_max(
    "ReduceMax", "The greatest elements over axes; NaN where there is one.",
    "dY for every element of X that is the Y it belongs to, 0 elsewhere.");
const RegisterReduce<ReduceKind::kMin> reduce_min(
    "ReduceMin", "The smallest elements over axes; NaN where there is one.",
    "dY for every element of X that is the Y it belongs to, 0 elsewhere.");

/// The axes of A along which B was repeated by Caffe2's way of broadcasting.
AxisMask repeated_axes(const Args& args, const Shape& a, const Shape& b) {
  const Broadcast broadcast = legacy_broadcast(args, a, b);
  AxisMask mask{};
  for (int axis = 0; axis < a.rank(); ++axis) {
    const int mine = axis - broadcast.b_axis;
    mask[axis] = mine < 0 || mine >= b.rank() || b[mine] == 1;
  }
  return mask;
}

const RegisterOperator sum_reduce_like(
    OpSchema("SumReduceLike")
        .doc("Sums of A over all axes along which B is repeated when it is broadcast to A.")
        .input("A")
        .input("B", "only its shape is used")
        .output("C", "the shape of B")
        .arg("axis", -1, "the axis of A that axis 0 of B lies on; by default B's are the last")
        .arg("axis_str", "", "that axis as a letter of `order`")
        .arg("order", "NCHW", "names of A's axes, for axis_str")
        .ignored_args({"broadcast"})
        .infer([](const InferContext& context) {
          require_type(context, 0, FloatTypes{});
          repeated_axes(context.args, context.shape(0), context.shape(1));
          return std::vector<TensorType>{{context.dtype(0), context.shape(1)}};
        })
        .cost(reading_cost)
        .no_gradient());
const RegisterCpuKernel sum_reduce_like_cpu("SumReduceLike", [](const PrepareContext& prepare) {
  const Reduction reduction(prepare.inputs[0], repeated_axes(prepare.args, prepare.inputs[0].shape,
                                                             prepare.inputs[1].shape));
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel(
        [reduction, width = prepare.width](OpContext& context) {
          reduce_sums(reduction, width, context.scratch, context.input<T>(0), context.output<T>(0),
                      /*mean=*/false);
        },
        sum_scratch<T>(reduction));
  });
});

}  // namespace
}  // namespace headrace
