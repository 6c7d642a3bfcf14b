#include "tools/nets/given_tensors.h"

#include "core/error.h"

namespace headrace::tools {
namespace {

Argument& add_arg(OperatorDef& op, const char* name) {
  Argument& arg = *op.add_arg();
  arg.set_name(name);
  return arg;
}

template <typename T>
void add_integers(OperatorDef& op, const char* type, const Tensor& tensor) {
  op.set_type(type);
  Argument& values = add_arg(op, "values");
  for (const T value : tensor.data<T>()) values.add_ints(value);
}

}  // namespace

void add_given_tensor(NetDef& net, const std::string& blob, const Tensor& tensor) {
  OperatorDef& op = *net.add_op();
  op.add_output(blob);
  Argument& shape = add_arg(op, "shape");
  for (const int64_t dim : tensor.shape()) shape.add_ints(dim);
  switch (tensor.dtype()) {
    case DType::kFloat32: {
      op.set_type("GivenTensorFill");
      Argument& values = add_arg(op, "values");
      const auto elements = tensor.data<float>();
      values.mutable_floats()->Add(elements.begin(), elements.end());
      break;
    }
    case DType::kInt16:
      add_integers<int16_t>(op, "GivenTensorInt16Fill", tensor);
      break;
    case DType::kString: {
      op.set_type("GivenTensorStringFill");
      Argument& values = add_arg(op, "values");
      for (const std::string& value : tensor.data<std::string>()) values.add_strings(value);
      break;
    }
    case DType::kInt32:
      add_integers<int32_t>(op, "GivenTensorIntFill", tensor);
      break;
    case DType::kInt64:
      add_integers<int64_t>(op, "GivenTensorInt64Fill", tensor);
      break;
    case DType::kBool:
      add_integers<bool>(op, "GivenTensorBoolFill", tensor);
      break;
    default:
      fail(ErrorCode::kUnsupported, "'{}' is a tensor of {}, which no operator of init nets makes",
           blob, name_of(tensor.dtype()));
  }
  net.add_external_output(blob);
}

}  // namespace headrace::tools
