#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace headrace {

/// What a serialized BlobProto is, without its elements.
struct BlobHeader {
  std::string type;
  std::optional<TensorDesc> tensor;  // of the whole tensor that it holds a part of
};

/// Reads no element, not even to copy it. Throws kCorrupt where the bytes are no BlobProto, and
/// what desc_of() throws.
BlobHeader blob_header(std::string_view bytes);

}  // namespace headrace
