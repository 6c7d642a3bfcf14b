#pragma once

#include <algorithm>
#include <array>

#include "core/dtype.h"
#include "core/proto/net.pb.h"

namespace headrace {

/// A field of TensorProto that elements can stand in.
enum class TensorField { kNone, kFloats, kDoubles, kInt32s, kInt64s, kStrings, kBytes, kRaw };

/// How an element type is called in a TensorProto, and the field that its elements are written to.
struct TensorProtoType {
  TensorProto::DataType proto;
  DType dtype;
  TensorField field;
};

/// The first of two for the same DType is the one written.
inline constexpr std::array kTensorProtoTypes = {
    TensorProtoType{TensorProto::FLOAT, DType::kFloat32, TensorField::kFloats},
    TensorProtoType{TensorProto::DOUBLE, DType::kFloat64, TensorField::kDoubles},
    TensorProtoType{TensorProto::FLOAT16, DType::kFloat16, TensorField::kInt32s},
    TensorProtoType{TensorProto::INT8, DType::kInt8, TensorField::kInt32s},
    TensorProtoType{TensorProto::UINT8, DType::kUInt8, TensorField::kInt32s},
    TensorProtoType{TensorProto::BYTE, DType::kUInt8, TensorField::kBytes},
    TensorProtoType{TensorProto::INT16, DType::kInt16, TensorField::kInt32s},
    TensorProtoType{TensorProto::UINT16, DType::kUInt16, TensorField::kInt32s},
    TensorProtoType{TensorProto::INT32, DType::kInt32, TensorField::kInt32s},
    TensorProtoType{TensorProto::INT64, DType::kInt64, TensorField::kInt64s},
    TensorProtoType{TensorProto::BOOL, DType::kBool, TensorField::kInt32s},
    TensorProtoType{TensorProto::STRING, DType::kString, TensorField::kStrings},
};

/// Null where there is no such type.
inline const TensorProtoType* find_tensor_proto_type(DType dtype) {
  const auto* found = std::ranges::find(kTensorProtoTypes, dtype, &TensorProtoType::dtype);
  return found == kTensorProtoTypes.end() ? nullptr : found;
}

}  // namespace headrace
