#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/gradient_context.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"

namespace headrace {
namespace {

using CastTypes = Types<float, double, bool, int8_t, uint8_t, int16_t, uint16_t, int32_t, int64_t>;

/// An element type as number or name of TensorProto.DataType ("float", "int32", ...).
DType type_argument(const Args& args, std::string_view name) {
  int64_t number = 0;
  std::string given;
  if (args.kind_of(name) == ArgKind::kString) {
    given = args.text(name);
    std::string upper = given;
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
    TensorProto::DataType parsed = TensorProto::UNDEFINED;
    if (TensorProto::DataType_Parse(upper, &parsed)) number = parsed;
  } else {
    number = args.integer(name);
    given = std::to_string(number);
  }
  DType type = dtype_of_proto(number);
  require(has_type(CastTypes{}, type), ErrorCode::kInvalidArgument,
          "argument '{}' is '{}', which is none of the types that can be cast (1 float, 2 int32, "
          "5 bool, 6 uint8, 7 int8, 8 uint16, 9 int16, 10 int64, 13 double)",
          name, given);
  return type;
}

/// Integers keep their low bits; floating values lose their fraction and have to fit.
template <typename From, typename To>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Both bounds are exact in floating point; the upper one is the first number too large.
    constexpr From kLow = static_cast<From>(std::numeric_limits<To>::min());
    constexpr To kHalf = std::numeric_limits<To>::max() / 2 + 1;
    constexpr From kHigh = From{2} * static_cast<From>(kHalf);
    From whole = std::trunc(value);
    require(whole >= kLow && whole < kHigh, ErrorCode::kNumeric,
            "cannot cast {}: it is outside the range of {}", value, name_of(dtype_of<To>()));
    return static_cast<To>(whole);
  } else {
    return static_cast<To>(value);
  }
}

const RegisterOperator cast(
    OpSchema("Cast")
        .doc("Y = X in another element type. To bool, what is not 0 is true. Between integers the "
             "low bits are kept. From floating types to integers the fraction is dropped, and a "
             "value that does not fit is an error.")
        .input("X")
        .output("Y", "shape of X, elements of type `to`")
        .required_arg("to", ArgKind::kScalar, "number or name of a TensorProto.DataType")
        .optional_arg("from_type", ArgKind::kScalar, "type of X; the gradient is cast to it")
        .infer([](const InferContext& context) {
          require_type(context, 0, CastTypes{});
          return std::vector<TensorType>{
              {type_argument(context.args, "to"), context.inputs[0].shape}};
        })
        .layout(LayoutPolicy::kFollows)
        .gradient([](GradientContext& g) {
          require(g.args().has("from_type"), ErrorCode::kInvalidNet,
                  "the gradient of Cast needs the argument 'from_type', the type of its input");
          int64_t from = proto_of_dtype(type_argument(g.args(), "from_type"));
          int64_t to = proto_of_dtype(type_argument(g.args(), "to"));
          OperatorDef& back = g.op("Cast", {g.dout(0)}, {g.din(0)});
          set_arg(back, "to", from);
          set_arg(back, "from_type", to);
        }));

const RegisterCpuKernel cast_cpu("Cast", [](const PrepareContext& prepare) {
  return dispatch(CastTypes{}, prepare.inputs[0].dtype, [&]<typename From>() {
    return dispatch(CastTypes{}, prepare.outputs[0].dtype, [&]<typename To>() {
      return make_kernel(
          [count = prepare.outputs[0].shape.numel(), width = prepare.width](OpContext& context) {
            const From* x = context.input<From>(0);
            To* y = context.output<To>(0);
            for_parts(width, count, [&](int64_t begin, int64_t end) {
              for (int64_t i = begin; i < end; ++i) y[i] = convert<From, To>(x[i]);
            });
          });
    });
  });
});

}  // namespace
}  // namespace headrace
