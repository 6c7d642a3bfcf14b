#pragma once

#include "operators/broadcast.h"
#include "operators/dispatch.h"
#include "operators/parts.h"

namespace headrace {

/// One element of each size, and strings: all that copying has to tell apart.
using CopyTypes = Types<uint8_t, uint16_t, int32_t, int64_t, std::string>;

/// The member of CopyTypes whose elements are as large as those of `type`.
DType copy_type(DType type);

/// Copies, for the elements [begin, end) of the tensor that the loop walks, from it to where the
/// loop's operand 0 stands in `other`.
template <typename T>
void scatter(const StridedLoop& loop, const T* walked, T* other, int64_t begin, int64_t end) {
  const int64_t stride = loop.inner_stride(0);
  loop.run(begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
    const T* from = walked + at;
    T* to = other + offsets[0];
    if (stride == 1) {
      std::copy_n(from, length, to);
    } else {
      for (int64_t i = 0; i < length; ++i) to[i * stride] = from[i];
    }
  });
}

/// The same in the other direction.
template <typename T>
void gather(const StridedLoop& loop, T* walked, const T* other, int64_t begin, int64_t end) {
  const int64_t stride = loop.inner_stride(0);
  loop.run(begin, end, [&](int64_t at, const auto& offsets, int64_t length) {
    T* to = walked + at;
    const T* from = other + offsets[0];
    if (stride == 1) {
      std::copy_n(from, length, to);
    } else {
      for (int64_t i = 0; i < length; ++i) to[i] = from[i * stride];
    }
  });
}

}  // namespace headrace
