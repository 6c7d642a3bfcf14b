#pragma once

#include <string>
#include <string_view>

namespace headrace {

class BlobProto;
class MetaNetDef;
class NetDef;
class PlanDef;
class TensorProtos;

/// The encoding does not say which message it holds, and bytes of one kind often parse as another.
/// Each of these says what in a message no writer of its kind would write ("op[0] has no type"), or
/// gives an empty string.
std::string find_implausible(const NetDef& net);
std::string find_implausible(const PlanDef& plan);
std::string find_implausible(const MetaNetDef& model);
std::string find_implausible(const TensorProtos& tensors);
std::string find_implausible(const BlobProto& blob);

}  // namespace headrace
