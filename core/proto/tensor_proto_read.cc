#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <string_view>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "core/proto/tensor_proto_types.h"

namespace headrace {
namespace {

using google::protobuf::RepeatedField;

static_assert(std::endian::native == std::endian::little, "raw_data is copied as it is");

template <typename... Args>
[[noreturn]] void fail_in(const TensorProto& proto, ErrorCode code,
                          LocatedFormat<std::type_identity_t<Args>...> text, Args&&... args) {
  Error error(code, fmt::format(text.format, std::forward<Args>(args)...), text.where);
  throw error.on_blob(proto.name());
}

const std::string& type_name(const TensorProto& proto) {
  return TensorProto::DataType_Name(proto.data_type());
}

bool is_bfloat16(const TensorProto& proto) {
  if (proto.data_format() == TensorProto::FMT_PROTOBUF) return false;
  if (proto.data_format() != TensorProto::FMT_BFLOAT16 || proto.data_type() != TensorProto::FLOAT) {
    fail_in(proto, ErrorCode::kUnsupported,
            "data_format {} of a {} tensor is unknown; 0 (plain) and, for FLOAT, 1 (bfloat16) can "
            "be read",
            proto.data_format(), type_name(proto));
  }
  return true;
}

struct Content {
  TensorField field = TensorField::kNone;
  std::string_view name = "no field";
  uint64_t count = 0;  // elements; bytes for raw_data
};

// Where the elements are, and how many. They may only stand in one field.
Content find_content(const TensorProto& proto) {
  const std::array<Content, 7> all = {{
      {TensorField::kFloats, "float_data", static_cast<uint64_t>(proto.float_data_size())},
      {TensorField::kDoubles, "double_data", static_cast<uint64_t>(proto.double_data_size())},
      {TensorField::kInt32s, "int32_data", static_cast<uint64_t>(proto.int32_data_size())},
      {TensorField::kInt64s, "int64_data", static_cast<uint64_t>(proto.int64_data_size())},
      {TensorField::kStrings, "string_data", static_cast<uint64_t>(proto.string_data_size())},
      {TensorField::kBytes, "byte_data", proto.byte_data().size()},
      {TensorField::kRaw, "raw_data", proto.raw_data().size()},
  }};
  Content found;
  for (const Content& content : all) {
    if (content.count == 0) continue;
    if (found.field != TensorField::kNone) {
      fail_in(proto, ErrorCode::kCorrupt, "a tensor has elements in {} and in {}", found.name,
              content.name);
    }
    found = content;
  }
  return found;
}

bool fits(const TensorProto& proto, DType dtype, TensorField field) {
  if (field == TensorField::kNone) return true;
  if (field == TensorField::kRaw) return dtype != DType::kString;
  if (is_bfloat16(proto)) return false;
  const TensorField home = find_tensor_proto_type(dtype)->field;
  return field == home || (field == TensorField::kBytes && size_of(dtype) == 1);
}

// Where the elements are, once it is known that they are as many as they should be.
TensorField checked_field(const TensorProto& proto, const TensorDesc& desc, TensorSegment segment) {
  const Content content = find_content(proto);
  if (!fits(proto, desc.dtype, content.field)) {
    fail_in(proto, ErrorCode::kCorrupt, "the elements of a {} tensor cannot stand in {}",
            type_name(proto), content.name);
  }
  const bool raw = content.field == TensorField::kRaw;
  const uint64_t unit = !raw ? 1 : is_bfloat16(proto) ? 2 : size_of(desc.dtype);
  const auto expected = static_cast<uint64_t>(segment.end - segment.begin);
  // Compared without multiplying: the product may overflow.
  if (content.count / unit != expected || content.count % unit != 0) {
    fail_in(proto, ErrorCode::kCorrupt, "{} of {} should have {} elements, found {}{} in {}",
            segment == TensorSegment{0, desc.shape.numel()} ? "a tensor" : "this part of a tensor",
            desc.to_string(), expected, content.count, raw ? " bytes" : "", content.name);
  }
  return content.field;
}

TensorSegment checked_bounds(const TensorProto& proto, const TensorDesc& desc) {
  if (!proto.has_segment()) return {0, desc.shape.numel()};
  const TensorSegment segment{proto.segment().begin(), proto.segment().end()};
  if (segment.begin < 0 || segment.end < segment.begin || segment.end > desc.shape.numel()) {
    fail_in(proto, ErrorCode::kCorrupt, "segment [{}, {}) is not within a tensor of {}",
            segment.begin, segment.end, desc.to_string());
  }
  return segment;
}

template <typename T>
void narrow(const TensorProto& proto, void* target) {
  for (int i = 0; i < proto.int32_data_size(); ++i) {
    const int32_t value = proto.int32_data(i);
    if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
      fail_in(proto, ErrorCode::kCorrupt, "element {} is {}, out of the range of {}", i, value,
              type_name(proto));
    }
    static_cast<T*>(target)[i] = static_cast<T>(value);
  }
}

void copy_bytes(const TensorProto& proto, DType dtype, std::string_view bytes, void* target) {
  if (dtype == DType::kBool) {
    const auto* wrong = std::ranges::find_if(bytes, [](char c) { return c != 0 && c != 1; });
    if (wrong != bytes.end()) {
      fail_in(proto, ErrorCode::kCorrupt, "element {} is {}, out of the range of BOOL",
              wrong - bytes.begin(), static_cast<unsigned char>(*wrong));
    }
  }
  std::memcpy(target, bytes.data(), bytes.size());
}

template <typename T>
void copy_elements(const RepeatedField<T>& field, void* target) {
  std::memcpy(target, field.data(), static_cast<size_t>(field.size()) * sizeof(T));
}

void copy_int32s(const TensorProto& proto, DType dtype, void* target) {
  switch (dtype) {
    case DType::kInt8:
      return narrow<int8_t>(proto, target);
    case DType::kUInt8:
      return narrow<uint8_t>(proto, target);
    case DType::kInt16:
      return narrow<int16_t>(proto, target);
    case DType::kFloat16:
    case DType::kUInt16:
      return narrow<uint16_t>(proto, target);
    case DType::kBool:
      return narrow<bool>(proto, target);
    default:
      return copy_elements(proto.int32_data(), target);
  }
}

void widen_bfloat16(std::string_view raw, float* target) {
  for (size_t i = 0; i < raw.size() / 2; ++i) {
    uint16_t bits;
    std::memcpy(&bits, raw.data() + 2 * i, sizeof bits);
    target[i] = std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
}

// From `field`, whose fit and size are known, to consecutive elements at `target`.
void copy_content(const TensorProto& proto, TensorField field, DType dtype, void* target) {
  switch (field) {
    case TensorField::kNone:
      return;
    case TensorField::kFloats:
      return copy_elements(proto.float_data(), target);
    case TensorField::kDoubles:
      return copy_elements(proto.double_data(), target);
    case TensorField::kInt64s:
      return copy_elements(proto.int64_data(), target);
    case TensorField::kInt32s:
      return copy_int32s(proto, dtype, target);
    case TensorField::kStrings:
      std::ranges::copy(proto.string_data(), static_cast<std::string*>(target));
      return;
    case TensorField::kBytes:
      return copy_bytes(proto, dtype, proto.byte_data(), target);
    case TensorField::kRaw:
      if (is_bfloat16(proto)) return widen_bfloat16(proto.raw_data(), static_cast<float*>(target));
      return copy_bytes(proto, dtype, proto.raw_data(), target);
  }
}

}  // namespace

DType dtype_of_proto(int64_t data_type) {
  const auto* found = std::ranges::find(kTensorProtoTypes, data_type, &TensorProtoType::proto);
  return found == kTensorProtoTypes.end() ? DType::kUndefined : found->dtype;
}

TensorDesc desc_of(const TensorProto& proto) {
  const DType dtype = dtype_of_proto(proto.data_type());
  if (dtype == DType::kUndefined) {
    fail_in(proto, ErrorCode::kUnsupported, "a tensor of type {} has no elements that can be read",
            type_name(proto));
  }
  try {
    const auto& dims = proto.dims();
    return {dtype, Shape(std::span(dims.data(), static_cast<size_t>(dims.size())))};
  } catch (Error& error) {
    throw error.on_blob(proto.name());
  }
}

TensorSegment segment_of(const TensorProto& proto) {
  const TensorDesc desc = desc_of(proto);
  const TensorSegment segment = checked_bounds(proto, desc);
  checked_field(proto, desc, segment);
  return segment;
}

Tensor tensor_from(const TensorProto& proto) {
  const TensorDesc desc = desc_of(proto);
  const TensorSegment segment = checked_bounds(proto, desc);
  if (segment != TensorSegment{0, desc.shape.numel()}) {
    fail_in(proto, ErrorCode::kCorrupt, "only elements [{}, {}) of a tensor of {} are here",
            segment.begin, segment.end, desc.to_string());
  }
  const TensorField field = checked_field(proto, desc, segment);
  Tensor tensor(desc.shape, desc.dtype);
  copy_content(proto, field, desc.dtype, tensor.raw());
  return tensor;
}

void copy_segment(const TensorProto& proto, Tensor& tensor) {
  const TensorDesc desc = desc_of(proto);
  if (desc != tensor.desc() || !tensor.device().is_cpu()) {
    fail_in(proto, ErrorCode::kShapeMismatch, "a part of a tensor of {} was found for one of {}",
            desc.to_string(), tensor.desc().to_string());
  }
  const TensorSegment segment = checked_bounds(proto, desc);
  const TensorField field = checked_field(proto, desc, segment);
  const size_t offset = static_cast<size_t>(segment.begin) * size_of(desc.dtype);
  copy_content(proto, field, desc.dtype, static_cast<char*>(tensor.raw()) + offset);
}

}  // namespace headrace
