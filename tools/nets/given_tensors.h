#pragma once

#include <string>

#include "core/proto/net.pb.h"
#include "core/tensor.h"

namespace headrace::tools {

/// Appends the operator that makes `blob` with the elements of `tensor`, one of those that the
/// model viewer Netron knows in init nets. Throws kUnsupported for element types without one.
void add_given_tensor(NetDef& net, const std::string& blob, const Tensor& tensor);

}  // namespace headrace::tools
