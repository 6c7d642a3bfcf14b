#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace headrace {

class TensorProto;

/// The element type that a TensorProto::DataType names; kUndefined for one that has no elements
/// that can be read. Also the meaning of the arguments `dtype` of fillers and `to` of Cast.
DType dtype_of_proto(int64_t data_type);

/// The TensorProto::DataType of an element type. Throws kUnsupported for bfloat16, which the format
/// has no name for.
int proto_of_dtype(DType dtype);

/// Elements [begin, end) of a tensor in logical order, which one TensorProto may hold of it.
struct TensorSegment {
  int64_t begin = 0;
  int64_t end = 0;

  bool operator==(const TensorSegment&) const = default;
};

/// Element type and shape of the whole tensor that `proto` belongs to. Throws kUnsupported for the
/// types that are no elements, and what Shape throws.
TensorDesc desc_of(const TensorProto& proto);

/// The part of it that `proto` holds: all, unless it says otherwise. Throws kCorrupt if that is not
/// within the shape, or if the elements in the message are not as many.
TensorSegment segment_of(const TensorProto& proto);

/// A plain tensor on the CPU of what `proto` holds, which must be the whole of it. Elements may
/// stand in the field of their type, in byte_data for one-byte types, or in raw_data (for floats
/// also as bfloat16). Throws kCorrupt if they are more or fewer than the shape says, in several
/// fields, or out of the range of their type. Nothing is allocated before their number is known to
/// be right.
Tensor tensor_from(const TensorProto& proto);

/// Copies the elements that `proto` holds to their place in `tensor`, which must be plain, on the
/// CPU and as desc_of(proto) says. Throws as tensor_from() does.
void copy_segment(const TensorProto& proto, Tensor& tensor);

/// Fills the shape, type and elements of `proto`; other fields stay. Throws kUnsupported for
/// bfloat16, which the format has no element type for.
void assign(TensorProto& proto, const Tensor& tensor);

/// The same for some elements of the tensor, which must be plain and on the CPU.
void assign(TensorProto& proto, const Tensor& tensor, TensorSegment segment);

}  // namespace headrace
