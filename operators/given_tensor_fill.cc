#include <algorithm>

#include "core/error.h"
#include "core/proto/tensor_proto.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/fill_shape.h"

namespace headrace {
namespace {

/// Elements of a list of strings, taken as the bytes they are.
int64_t bytes_in(const Args& args) {
  int64_t bytes = 0;
  for (const std::string& text : args.texts("values")) bytes += static_cast<int64_t>(text.size());
  return bytes;
}

int64_t values_given(const Args& args, DType type, bool bytes) {
  if (bytes) return bytes_in(args);
  if (is_floating(type)) return static_cast<int64_t>(args.reals("values").size());
  if (type == DType::kString) return static_cast<int64_t>(args.texts("values").size());
  return static_cast<int64_t>(args.integers("values").size());
}

TensorType infer_given(const InferContext& context, DType type, bool bytes) {
  std::optional<Shape> shape = fill_shape(context);
  int64_t given = values_given(context.args, type, bytes);
  if (shape) {
    require(shape->numel() == given, ErrorCode::kInvalidArgument,
            "shape {} has {} elements, and 'values' gives {}", shape->to_string(), shape->numel(),
            given);
  }
  return {type, shape};
}

/// The elements stand in the arguments as they are.
class FillFloats final : public Kernel {
 public:
  explicit FillFloats(std::span<const float> values) : values_(values) {}

  void launch(OpContext& context) const override {
    float* target = context.output<float>(0);
    if (target != values_.data()) std::ranges::copy(values_, target);
  }

  const void* given() const override { return values_.data(); }

 private:
  std::span<const float> values_;
};

template <typename T>
std::unique_ptr<Kernel> fill_numbers(const PrepareContext& prepare) {
  auto fill = [](auto values) {
    return make_kernel([values](OpContext& context) {
      std::transform(values.begin(), values.end(), context.output<T>(0),
                     [](auto value) { return static_cast<T>(value); });
    });
  };
  if constexpr (std::is_same_v<T, float>) {
    return std::make_unique<FillFloats>(prepare.args.reals("values"));
  }
  if constexpr (std::is_floating_point_v<T>) return fill(prepare.args.reals("values"));
  // Only the conversion to a narrower type can lose something.
  for (int64_t value : prepare.args.integers("values")) {
    bool fits = dtype_of<T>() == DType::kBool
                    ? value == 0 || value == 1
                    : static_cast<int64_t>(static_cast<T>(value)) == value;
    require(fits, ErrorCode::kInvalidArgument, "value {} does not fit into {}", value,
            name_of(dtype_of<T>()));
  }
  return fill(prepare.args.integers("values"));
}

std::unique_ptr<Kernel> fill_strings(const PrepareContext& prepare) {
  return make_kernel([values = prepare.args.texts("values")](OpContext& context) {
    std::ranges::copy(values, context.output<std::string>(0));
  });
}

std::unique_ptr<Kernel> fill_bytes(const PrepareContext& prepare) {
  std::string bytes;
  for (const std::string& text : prepare.args.texts("values")) bytes += text;
  return make_kernel([bytes = std::move(bytes)](OpContext& context) {
    std::ranges::copy(bytes, context.output<char>(0));
  });
}

using GivenTypes = Types<float, double, bool, int16_t, int32_t, int64_t>;

std::unique_ptr<Kernel> prepare_given(const PrepareContext& prepare) {
  if (prepare.outputs[0].dtype == DType::kString) return fill_strings(prepare);
  return dispatch(GivenTypes{}, prepare.outputs[0].dtype,
                  [&]<typename T>() { return fill_numbers<T>(prepare); });
}

/// A GivenTensor*Fill of one element type: its schema and its kernel.
struct RegisterGiven {
  RegisterGiven(const char* type, DType dtype, ArgKind values, bool bytes = false)
      : schema(
            declare_fill_shape(OpSchema(type).doc(std::string("A ") + std::string(name_of(dtype)) +
                                                  " tensor with the elements given as arguments" +
                                                  (bytes ? ", as the bytes of strings." : ".")))
                .required_arg("values", values, "the elements, in row-major order")
                .ignored_args({"dtype"})
                .infer([dtype, bytes](const InferContext& context) {
                  return std::vector<TensorType>{infer_given(context, dtype, bytes)};
                })
                .no_gradient()),
        kernel(type, bytes ? fill_bytes : prepare_given) {}
  RegisterOperator schema;
  RegisterCpuKernel kernel;
};

const RegisterGiven given_double("GivenTensorDoubleFill", DType::kFloat64, ArgKind::kFloats);
const RegisterGiven given_bool("GivenTensorBoolFill", DType::kBool, ArgKind::kInts);
const RegisterGiven given_int16("GivenTensorInt16Fill", DType::kInt16, ArgKind::kInts);
const RegisterGiven given_int("GivenTensorIntFill", DType::kInt32, ArgKind::kInts);
const RegisterGiven given_int64("GivenTensorInt64Fill", DType::kInt64, ArgKind::kInts);
const RegisterGiven given_string("GivenTensorStringFill", DType::kString, ArgKind::kStrings);
const RegisterGiven given_bytes("GivenTensorByteStringToUInt8Fill", DType::kUInt8,
                                ArgKind::kStrings, true);

/// GivenTensorFill makes float32 unless it has a `dtype`, which `values` then has to suit.
DType given_type(const Args& args) {
  if (!args.has("dtype")) return DType::kFloat32;
  DType type = dtype_of_proto(args.integer("dtype"));
  require(type == DType::kString || has_type(GivenTypes{}, type), ErrorCode::kInvalidArgument,
          "dtype {} is none of those that can be given (1 float32, 2 int32, 4 string, 5 bool, "
          "9 int16, 10 int64, 13 float64)",
          args.integer("dtype"));
  return type;
}

const RegisterOperator given(
    declare_fill_shape(OpSchema("GivenTensorFill")
                           .doc("A tensor with the elements given as arguments; float32 unless "
                                "`dtype` says otherwise."))
        .required_arg("values", ArgKind::kList, "the elements, in row-major order")
        .optional_arg("dtype", ArgKind::kInt, "element type as in TensorProto.DataType")
        .infer([](const InferContext& context) {
          return std::vector<TensorType>{
              infer_given(context, given_type(context.args), /*bytes=*/false)};
        })
        .no_gradient());
const RegisterCpuKernel given_cpu("GivenTensorFill", prepare_given);

}  // namespace
}  // namespace headrace
