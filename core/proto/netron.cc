#include "core/proto/netron.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "core/proto/net.pb.h"

namespace headrace {
namespace {

constexpr size_t kNameLimit = 64;

// Operators that Netron takes as the source of a parameter. It refuses the model for any other.
constexpr std::array<std::string_view, 13> kInitTypes = {
    "ConstantFill",
    "GivenTensorBoolFill",
    "GivenTensorByteStringToUInt8Fill",
    "GivenTensorDoubleFill",
    "GivenTensorFill",
    "GivenTensorInt16Fill",
    "GivenTensorInt64Fill",
    "GivenTensorIntFill",
    "GivenTensorSInt16Fill",
    "GivenTensorStringFill",
    "Int8GivenIntTensorFill",
    "Int8GivenTensorFill",
    "XavierFill",
};

bool is_printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<signed char>(c) >= 0x20; });
}

}  // namespace

std::vector<std::string> netron_problems(const NetDef& net, FileFormat format, NetRole role) {
  std::vector<std::string> problems;
  if (net.op_size() == 0) problems.emplace_back("the net has no operators");
  // It knows the binary form by its first bytes: a short name, then the first operator.
  if (format == FileFormat::kBinary) {
    if (net.name().size() >= kNameLimit) {
      problems.push_back(fmt::format("the net's name has {} characters, fewer than {} are allowed",
                                     net.name().size(), kNameLimit));
    }
    if (!is_printable_ascii(net.name())) {
      problems.emplace_back("the net's name has characters other than printable ASCII");
    }
  }
  if (role == NetRole::kPredict) return problems;
  for (int i = 0; i < net.op_size(); ++i) {
    const OperatorDef& op = net.op(i);
    if (op.output_size() == 1 && std::ranges::find(kInitTypes, op.type()) == kInitTypes.end()) {
      problems.push_back(fmt::format(
          "operator {} ({}) cannot be in an init net; save the parameters' values instead "
          "(GivenTensorFill)",
          i, op.type()));
    }
  }
  return problems;
}

}  // namespace headrace
