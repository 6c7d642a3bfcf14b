#include "core/dtype.h"

#include <array>
#include <string>

#include "core/error.h"
#include "core/text.h"

namespace headrace {

size_t size_of(DType type) {
  switch (type) {
    case DType::kUndefined:
      return 0;
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kBool:
      return 1;
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kInt16:
    case DType::kUInt16:
      return 2;
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kFloat64:
    case DType::kInt64:
      return 8;
    case DType::kString:
      return sizeof(std::string);
  }
  return 0;
}

std::string_view name_of(DType type) {
  switch (type) {
    case DType::kUndefined:
      return "undefined";
    case DType::kFloat32:
      return "float32";
    case DType::kFloat64:
      return "float64";
    case DType::kFloat16:
      return "float16";
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kInt8:
      return "int8";
    case DType::kUInt8:
      return "uint8";
    case DType::kInt16:
      return "int16";
    case DType::kUInt16:
      return "uint16";
    case DType::kInt32:
      return "int32";
    case DType::kInt64:
      return "int64";
    case DType::kBool:
      return "bool";
    case DType::kString:
      return "string";
  }
  return "undefined";
}

DType parse_dtype(std::string_view name) {
  static constexpr std::array kTypes{DType::kFloat32,  DType::kFloat64, DType::kFloat16,
                                     DType::kBFloat16, DType::kInt8,    DType::kUInt8,
                                     DType::kInt16,    DType::kUInt16,  DType::kInt32,
                                     DType::kInt64,    DType::kBool,    DType::kString};
  std::vector<std::string> names;
  for (DType type : kTypes) {
    if (name_of(type) == name) return type;
    names.emplace_back(name_of(type));
  }
  fail(ErrorCode::kInvalidArgument, "'{}' is no element type{}", name, did_you_mean(name, names));
}

bool is_floating(DType type) {
  return type == DType::kFloat32 || type == DType::kFloat64 || type == DType::kFloat16 ||
         type == DType::kBFloat16;
}

}  // namespace headrace
