#include "operators/strided_copy.h"

#include "core/error.h"

namespace headrace {

DType copy_type(DType type) {
  if (type == DType::kString) return type;
  switch (size_of(type)) {
    case 1:
      return DType::kUInt8;
    case 2:
      return DType::kUInt16;
    case 4:
      return DType::kInt32;
    case 8:
      return DType::kInt64;
    default:
      fail(ErrorCode::kInternal, "no copy of {} elements", name_of(type));
  }
}

}  // namespace headrace
