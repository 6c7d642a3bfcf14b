#include <bit>
#include <string>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "core/proto/tensor_proto_types.h"

namespace headrace {
namespace {

template <typename T, typename Stored>
void append(google::protobuf::RepeatedField<Stored>& field, const void* elements, int64_t count) {
  const auto* begin = static_cast<const T*>(elements);
  field.Add(begin, begin + count);
}

template <typename T>
void append_int32s(TensorProto& proto, const void* elements, int64_t count) {
  append<T>(*proto.mutable_int32_data(), elements, count);
}

void append_elements(TensorProto& proto, DType dtype, const void* elements, int64_t count) {
  switch (dtype) {
    case DType::kFloat32:
      return append<float>(*proto.mutable_float_data(), elements, count);
    case DType::kFloat64:
      return append<double>(*proto.mutable_double_data(), elements, count);
    case DType::kInt64:
      return append<int64_t>(*proto.mutable_int64_data(), elements, count);
    case DType::kInt32:
      return append_int32s<int32_t>(proto, elements, count);
    case DType::kInt8:
      return append_int32s<int8_t>(proto, elements, count);
    case DType::kUInt8:
      return append_int32s<uint8_t>(proto, elements, count);
    case DType::kInt16:
      return append_int32s<int16_t>(proto, elements, count);
    case DType::kUInt16:
    case DType::kFloat16:
      return append_int32s<uint16_t>(proto, elements, count);
    case DType::kBool:
      return append_int32s<bool>(proto, elements, count);
    case DType::kString: {
      const auto* strings = static_cast<const std::string*>(elements);
      for (int64_t i = 0; i < count; ++i) proto.add_string_data(strings[i]);
      return;
    }
    case DType::kBFloat16:
    case DType::kUndefined:
      break;
  }
  fail(ErrorCode::kInternal, "no field for {} elements", name_of(dtype));
}

void clear(TensorProto& proto) {
  proto.clear_dims();
  proto.clear_float_data();
  proto.clear_double_data();
  proto.clear_int32_data();
  proto.clear_int64_data();
  proto.clear_string_data();
  proto.clear_byte_data();
  proto.clear_raw_data();
  proto.clear_data_format();
  proto.clear_segment();
}

}  // namespace

int proto_of_dtype(DType dtype) {
  const TensorProtoType* type = find_tensor_proto_type(dtype);
  require(type != nullptr, ErrorCode::kUnsupported,
          "{} tensors cannot be written: the format has no such type; cast to float32 first",
          name_of(dtype));
  return type->proto;
}

void assign(TensorProto& proto, const Tensor& tensor) {
  const Tensor plain = tensor.plain();
  assign(proto, plain, {0, plain.numel()});
  proto.clear_segment();
}

void assign(TensorProto& proto, const Tensor& tensor, TensorSegment segment) {
  const int data_type = proto_of_dtype(tensor.dtype());
  const bool valid = tensor.layout() == Layout::kPlain && tensor.device().is_cpu() &&
                     0 <= segment.begin && segment.begin <= segment.end &&
                     segment.end <= tensor.numel();
  require(valid, ErrorCode::kInternal, "no segment [{}, {}) of a tensor of {} can be written",
          segment.begin, segment.end, tensor.desc().to_string());
  clear(proto);
  for (const int64_t dim : tensor.shape()) proto.add_dims(dim);
  proto.set_data_type(static_cast<TensorProto::DataType>(data_type));
  const auto* elements = static_cast<const char*>(tensor.raw()) +
                         static_cast<size_t>(segment.begin) * size_of(tensor.dtype());
  append_elements(proto, tensor.dtype(), elements, segment.end - segment.begin);
  proto.mutable_segment()->set_begin(segment.begin);
  proto.mutable_segment()->set_end(segment.end);
}

}  // namespace headrace
