// Add, Sub, Mul, Div and their gradients, with both ways of broadcasting.

#include "operators/binary.h"

#include <algorithm>
#include <array>
#include <type_traits>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/formulas.h"

namespace headrace {
namespace {

/// Integers too, which have no infinity to divide into.
struct CheckedDiv : formula::Div {
  template <typename T>
  static T apply(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      require(b != 0, ErrorCode::kNumeric, "integer division of {} by zero", a);
      if (b == -1) return static_cast<T>(-static_cast<std::make_unsigned_t<T>>(a));
    }
    return formula::Div::apply(a, b);
  }
};

/// Adds a row to where the gradient lies: element by element, or all to one.
template <typename T>
void accumulate(const T* terms, int64_t length, T* target, int64_t stride) {
  if (stride == 0) {
    // Several sums side by side, which a vector unit can keep, in a fixed order.
    constexpr int64_t kLanes = 16;
    std::array<T, kLanes> lanes{};
    int64_t i = 0;
    for (; i + kLanes <= length; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += terms[i + lane];
    }
    T sum = 0;
    for (T lane : lanes) sum += lane;
    for (; i < length; ++i) sum += terms[i];
    *target += sum;
    return;
  }
  for (int64_t i = 0; i < length; ++i) target[i * stride] += terms[i];
}

/// The gradient of one operand: the sum of its term over all elements that it was repeated for.
/// Every element is summed in the order of memory, whatever the width.
template <typename Op, bool kToA>
class OperandGradient {
 public:
  OperandGradient(const PrepareContext& prepare, const Broadcast& shapes, int output)
      : loop_(prepare.inputs[0],
              {{&prepare.inputs[1], shapes.a_axis},
               {&prepare.inputs[2], shapes.b_axis},
               {&prepare.outputs[output], kToA ? shapes.a_axis : shapes.b_axis}}),
        width_(prepare.width),
        output_(output),
        target_numel_(prepare.outputs[output].shape.numel()) {}

  template <typename T>
  void launch(OpContext& context) const {
    T* target = context.output<T>(output_);
    if (target == nullptr) return;
    if (loop_.covers(2)) {
      for_parts(width_, loop_.numel(), [&](int64_t begin, int64_t end) {
        loop_.run(begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
          terms(context, at, offsets, length, target + offsets[2], loop_.inner_stride(2));
        });
      });
      return;
    }
    std::fill(target, target + target_numel_, T{0});
    for_parts(
        width_, loop_.divisible(2),
        [&](int64_t begin, int64_t end) {
          loop_.run_divided(2, begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
            sum_row(context, at, offsets, length, target + offsets[2]);
          });
        },
        /*grain=*/1);
  }

 private:
  template <typename T>
  void terms(OpContext& context, int64_t at, const StridedLoop::Offsets& offsets, int64_t length,
             T* target, int64_t stride) const {
    const T* dc = context.input<T>(0) + at;
    const T* a = context.input<T>(1) + offsets[0];
    const T* b = context.input<T>(2) + offsets[1];
    const T* c = context.inputs() > 3 ? context.input<T>(3) + at : dc;
    with_strides(loop_.inner_stride(0), loop_.inner_stride(1), [&](auto sa, auto sb) {
      for (int64_t i = 0; i < length; ++i) {
        target[i * stride] = kToA ? Op::to_a(dc[i], a[i * sa], b[i * sb], c[i])
                                  : Op::to_b(dc[i], a[i * sa], b[i * sb], c[i]);
      }
    });
  }

  template <typename T>
  void sum_row(OpContext& context, int64_t at, StridedLoop::Offsets offsets, int64_t length,
               T* target) const {
    constexpr int64_t kChunk = 256;
    std::array<T, kChunk> row;
    for (int64_t done = 0; done < length; done += kChunk) {
      int64_t count = std::min(kChunk, length - done);
      terms(context, at + done, offsets, count, row.data(), 1);
      accumulate(row.data(), count, target + done * loop_.inner_stride(2), loop_.inner_stride(2));
      offsets[0] += count * loop_.inner_stride(0);
      offsets[1] += count * loop_.inner_stride(1);
    }
  }

  StridedLoop loop_;
  int width_;
  int output_;
  int64_t target_numel_;
};

template <typename Op>
std::unique_ptr<Kernel> prepare_binary_gradient(const PrepareContext& prepare) {
  Broadcast shapes = broadcast_of(prepare.args, prepare.inputs[1].shape, prepare.inputs[2].shape);
  OperandGradient<Op, true> to_a(prepare, shapes, 0);
  OperandGradient<Op, false> to_b(prepare, shapes, 1);
  return dispatch(FloatTypes{}, prepare.inputs[0].dtype, [&]<typename T>() {
    return make_kernel([to_a, to_b](OpContext& context) {
      // B first: the gradient of A may lie in the storage of that of C.
      to_b.template launch<T>(context);
      to_a.template launch<T>(context);
    });
  });
}

std::vector<TensorType> infer_binary_gradient(const InferContext& context) {
  require_type(context, 0, FloatTypes{});
  for (int i = 1; i < static_cast<int>(context.inputs.size()); ++i) {
    require_same_type(context, i, 0);
  }
  Shape output = broadcast_of(context.args, context.shape(1), context.shape(2)).output;
  require(context.shape(0) == output, ErrorCode::kShapeMismatch,
          "{}; it must have the shape of the output, {}", describe_input(context, 0),
          output.to_string());
  if (context.inputs.size() > 3) require_same_shape(context, 3, 0);
  return {context.inputs[1], context.inputs[2]};
}

Cost per_element(const CostContext& context, double flops) {
  return {flops * static_cast<double>(context.outputs[0].shape.numel()), context.operand_bytes()};
}

struct Binary {
  const char* type;
  const char* doc;
  bool into_b;         // may be computed in the storage of B
  bool gradient_of_c;  // the gradient reads the output
  PrepareFn prepare;
  PrepareFn prepare_gradient;
};

/// The schemas and kernels of one of the four operators.
struct RegisterBinary {
  explicit RegisterBinary(const Binary& op)
      : forward(forward_schema(op)),
        backward(gradient_schema(op)),
        forward_kernel(op.type, op.prepare),
        backward_kernel(std::string(op.type) + "Gradient", op.prepare_gradient) {}

  static OpSchema forward_schema(const Binary& op) {
    OpSchema schema(op.type);
    declare_broadcast(schema.doc(op.doc))
        .input("A")
        .input("B")
        .output("C")
        .inplace(0, 0)
        .infer(infer_binary<NumberTypes>)
        .cost([](const CostContext& context) { return per_element(context, 1); })
        .layout(LayoutPolicy::kFollows)
        .gradient([op](GradientContext& g) {
          std::vector<std::string> inputs = {g.dout(0), g.in(0), g.in(1)};
          if (op.gradient_of_c) inputs.push_back(g.out(0));
          std::string a = g.din(0);
          g.op(std::string(op.type) + "Gradient", inputs, {a, g.din(1)});
        });
    if (op.into_b) schema.inplace(1, 0);
    return schema;
  }

  static OpSchema gradient_schema(const Binary& op) {
    OpSchema schema(std::string(op.type) + "Gradient");
    schema.doc(std::string("Gradients of both operands of ") + op.type + ", each of its own shape.")
        .input("dC")
        .input("A")
        .input("B");
    if (op.gradient_of_c) schema.input("C");
    declare_broadcast(schema)
        .output("dA")
        .output("dB")
        .inplace(0, 0)
        .infer(infer_binary_gradient)
        .cost([](const CostContext& context) { return per_element(context, 4); })
        .layout(LayoutPolicy::kFollows)
        .no_gradient();
    return schema;
  }

  RegisterOperator forward;
  RegisterOperator backward;
  RegisterCpuKernel forward_kernel;
  RegisterCpuKernel backward_kernel;
};

const RegisterBinary add({"Add", "C = A + B, element by element.", true, false,
                          prepare_binary<formula::Add, NumberTypes>,
                          prepare_binary_gradient<formula::Add>});
const RegisterBinary sub({"Sub", "C = A - B, element by element.", true, false,
                          prepare_binary<formula::Sub, NumberTypes>,
                          prepare_binary_gradient<formula::Sub>});
const RegisterBinary mul({"Mul", "C = A * B, element by element.", true, false,
                          prepare_binary<formula::Mul, NumberTypes>,
                          prepare_binary_gradient<formula::Mul>});
const RegisterBinary div({"Div",
                          "C = A / B, element by element. Integers are divided towards zero; by "
                          "zero it is an error.",
                          false, true, prepare_binary<CheckedDiv, NumberTypes>,
                          prepare_binary_gradient<formula::Div>});

}  // namespace
}  // namespace headrace
