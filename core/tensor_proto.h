#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "core/tensor.h"

namespace headrace {

class TensorProto;

/// The element type that a TensorProto::DataType names; kUndefined for one that has no tensors here
/// (BYTE is uint8). Also the meaning of the argument `dtype` of fillers and `to` of Cast.
DType dtype_of_proto(int64_t data_type);
/// The TensorProto::DataType of an element type. Throws kUnsupported where the format has none.
int proto_of_dtype(DType type);

/// Elements [begin, end) of a plain CPU tensor as a message with the shape of the whole and, unless
/// they are all, the segment they are.
void write_proto(const Tensor& tensor, int64_t begin, int64_t end, TensorProto& proto);

/// The shape and type a message declares; throws kCorrupt where it declares none.
TensorDesc describe_proto(const TensorProto& proto);
/// Writes the elements of a message, or of the segment it is, into a plain CPU tensor of its shape
/// and type. Returns how many. Throws kCorrupt when they are too few, too many, or out of place.
int64_t read_proto(const TensorProto& proto, Tensor& tensor);

}  // namespace headrace
