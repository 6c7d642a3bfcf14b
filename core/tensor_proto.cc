#include "core/tensor_proto.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "core/proto/net.pb.h"

namespace headrace {
namespace {

struct Pair {
  TensorProto::DataType proto;
  DType type;
};
constexpr Pair kPairs[] = {
    {TensorProto::FLOAT, DType::kFloat32}, {TensorProto::DOUBLE, DType::kFloat64},
    {TensorProto::INT32, DType::kInt32},   {TensorProto::INT64, DType::kInt64},
    {TensorProto::UINT8, DType::kUInt8},   {TensorProto::INT8, DType::kInt8},
    {TensorProto::UINT16, DType::kUInt16}, {TensorProto::INT16, DType::kInt16},
    {TensorProto::BOOL, DType::kBool},     {TensorProto::FLOAT16, DType::kFloat16},
    {TensorProto::STRING, DType::kString}, {TensorProto::BYTE, DType::kUInt8},
};

/// The range [begin, end) of elements that a message holds.
std::pair<int64_t, int64_t> segment_of(const TensorProto& proto, const Tensor& tensor) {
  if (!proto.has_segment()) return {0, tensor.numel()};
  std::pair<int64_t, int64_t> range = {proto.segment().begin(), proto.segment().end()};
  require(0 <= range.first && range.first <= range.second && range.second <= tensor.numel(),
          ErrorCode::kCorrupt, "segment [{}, {}) of a tensor {}", range.first, range.second,
          tensor.desc().to_string());
  return range;
}

void check_count(int64_t found, int64_t expected, const TensorProto& proto) {
  require(found == expected, ErrorCode::kCorrupt,
          "a tensor message of type {} has {} elements, "
          "and its shape asks for {}",
          TensorProto::DataType_Name(proto.data_type()), found, expected);
}

/// Copies the elements of one repeated field, converting its type.
template <typename T, typename Field>
void read_field(const Field& field, const TensorProto& proto, std::span<T> target) {
  check_count(field.size(), static_cast<int64_t>(target.size()), proto);
  std::transform(field.begin(), field.end(), target.begin(),
                 [](const auto& value) { return static_cast<T>(value); });
}

void read_raw(const TensorProto& proto, Tensor& tensor, int64_t begin, int64_t end) {
  static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");
  size_t size = size_of(tensor.dtype());
  auto* target = static_cast<char*>(tensor.raw()) + begin * static_cast<int64_t>(size);
  const std::string& raw = proto.raw_data();
  if (proto.data_format() == TensorProto::FMT_BFLOAT16 && tensor.dtype() == DType::kFloat32) {
    check_count(static_cast<int64_t>(raw.size() / 2), end - begin, proto);
    for (size_t i = 0; i < raw.size() / 2; ++i) {
      target[4 * i] = target[4 * i + 1] = 0;  // the upper half of a float is its bfloat16
      std::memcpy(target + 4 * i + 2, raw.data() + 2 * i, 2);
    }
    return;
  }
  require(proto.data_format() == TensorProto::FMT_PROTOBUF, ErrorCode::kUnsupported,
          "a {} tensor message with data_format {}", name_of(tensor.dtype()), proto.data_format());
  require(raw.size() == static_cast<size_t>(end - begin) * size, ErrorCode::kCorrupt,
          "a tensor message has {} raw bytes, and its shape asks for {}", raw.size(),
          static_cast<size_t>(end - begin) * size);
  std::memcpy(target, raw.data(), raw.size());
}

template <typename T>
std::span<T> range_of(Tensor& tensor, int64_t begin, int64_t end) {
  return {static_cast<T*>(tensor.raw()) + begin, static_cast<size_t>(end - begin)};
}

}  // namespace

DType dtype_of_proto(int64_t data_type) {
  auto found = std::ranges::find(kPairs, data_type, &Pair::proto);
  return found == std::end(kPairs) ? DType::kUndefined : found->type;
}

int proto_of_dtype(DType type) {
  auto found = std::ranges::find(kPairs, type, &Pair::type);
  require(found != std::end(kPairs), ErrorCode::kUnsupported, "the file format has no {} tensors",
          name_of(type));
  return found->proto;
}

void write_proto(const Tensor& tensor, int64_t begin, int64_t end, TensorProto& proto) {
  proto.Clear();
  for (int64_t dim : tensor.shape()) proto.add_dims(dim);
  proto.set_data_type(static_cast<TensorProto::DataType>(proto_of_dtype(tensor.dtype())));
  if (end - begin != tensor.numel()) {
    proto.mutable_segment()->set_begin(begin);
    proto.mutable_segment()->set_end(end);
  }
  auto copy = [&]<typename T>(auto* field) {
    const T* data = static_cast<const T*>(tensor.raw());
    field->Reserve(static_cast<int>(end - begin));
    field->Add(data + begin, data + end);
  };
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return copy.operator()<float>(proto.mutable_float_data());
    case DType::kFloat64:
      return copy.operator()<double>(proto.mutable_double_data());
    case DType::kInt64:
      return copy.operator()<int64_t>(proto.mutable_int64_data());
    case DType::kInt32:
      return copy.operator()<int32_t>(proto.mutable_int32_data());
    case DType::kUInt8:
      return copy.operator()<uint8_t>(proto.mutable_int32_data());
    case DType::kInt8:
      return copy.operator()<int8_t>(proto.mutable_int32_data());
    case DType::kFloat16:
    case DType::kUInt16:
      return copy.operator()<uint16_t>(proto.mutable_int32_data());
    case DType::kInt16:
      return copy.operator()<int16_t>(proto.mutable_int32_data());
    case DType::kBool:
      return copy.operator()<bool>(proto.mutable_int32_data());
    case DType::kString:
      for (int64_t i = begin; i < end; ++i) proto.add_string_data(tensor.data<std::string>()[i]);
      return;
    default:
      fail(ErrorCode::kInternal, "no field for {} elements", name_of(tensor.dtype()));
  }
}

TensorDesc describe_proto(const TensorProto& proto) {
  DType type = dtype_of_proto(proto.data_type());
  require(type != DType::kUndefined, ErrorCode::kCorrupt, "a tensor message of type {}",
          TensorProto::DataType_Name(proto.data_type()));
  try {
    return {type, Shape(std::span<const int64_t>(proto.dims().data(), proto.dims_size()))};
  } catch (const Error& error) {
    fail(ErrorCode::kCorrupt, "a tensor message has no valid shape: {}", error.message());
  }
}

int64_t read_proto(const TensorProto& proto, Tensor& tensor) {
  TensorDesc declared = describe_proto(proto);
  require(declared == tensor.desc(), ErrorCode::kCorrupt,
          "a tensor message is {}, and the tensor it belongs to is {}", declared.to_string(),
          tensor.desc().to_string());
  auto [begin, end] = segment_of(proto, tensor);
  if (proto.has_raw_data()) {
    read_raw(proto, tensor, begin, end);
    return end - begin;
  }
  switch (tensor.dtype()) {
    case DType::kFloat32:
      read_field(proto.float_data(), proto, range_of<float>(tensor, begin, end));
      break;
    case DType::kFloat64:
      read_field(proto.double_data(), proto, range_of<double>(tensor, begin, end));
      break;
    case DType::kInt64:
      read_field(proto.int64_data(), proto, range_of<int64_t>(tensor, begin, end));
      break;
    case DType::kInt32:
      read_field(proto.int32_data(), proto, range_of<int32_t>(tensor, begin, end));
      break;
    case DType::kUInt8:
      if (proto.data_type() == TensorProto::BYTE) {
        read_field(proto.byte_data(), proto, range_of<uint8_t>(tensor, begin, end));
      } else {
        read_field(proto.int32_data(), proto, range_of<uint8_t>(tensor, begin, end));
      }
      break;
    case DType::kInt8:
      read_field(proto.int32_data(), proto, range_of<int8_t>(tensor, begin, end));
      break;
    case DType::kFloat16:
    case DType::kUInt16:
      read_field(proto.int32_data(), proto, range_of<uint16_t>(tensor, begin, end));
      break;
    case DType::kInt16:
      read_field(proto.int32_data(), proto, range_of<int16_t>(tensor, begin, end));
      break;
    case DType::kBool:
      read_field(proto.int32_data(), proto, range_of<bool>(tensor, begin, end));
      break;
    case DType::kString:
      read_field(proto.string_data(), proto, range_of<std::string>(tensor, begin, end));
      break;
    default:
      fail(ErrorCode::kInternal, "no field for {} elements", name_of(tensor.dtype()));
  }
  return end - begin;
}

}  // namespace headrace
