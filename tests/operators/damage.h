#pragma once

#include <string>
#include <vector>

#include "core/blob.h"
#include "core/proto/net.pb.h"

namespace headrace::testing {

/// A use of an operator that works: a sample, or a gradient operator as some sample runs it.
struct GoodUse {
  std::string name;
  OperatorDef def;
  std::vector<Blob> inputs;
};

/// All samples of an operator type; for one that has none, the uses that gradients make of it.
const std::vector<GoodUse>& good_uses_of(const std::string& type);

enum class DamageKind : uint8_t {
  kInputCount,   // one operand too few or too many
  kOutputCount,  // likewise
  kType,         // another element type of one input
  kRank,         // an axis more or less of one input
  kSize,         // one axis of one input longer or shorter
  kEmpty,        // an axis without elements, of one input or of all that share its size
  kArgField,     // a value in a field of another type
  kArgMissing,   // a required argument left out
  kArgValue,     // a number at the end of its range, a list of another length
};

/// The same use with one thing changed.
struct Damage {
  DamageKind kind;
  std::string name;
  OperatorDef def;
  std::vector<Blob> inputs;
};

/// Every use next to a good one, always in the same order.
std::vector<Damage> damages_of(const GoodUse& use);

/// The damages of operands that Caffe2 was asked about: those of the first uses of each operator.
/// Its answers are in golden/damages.json.
struct AskedUse {
  std::string name;
  std::vector<Damage> damages = {};
};
std::vector<AskedUse> asked_uses_of(const std::string& type);

/// Writes them as JSON, for damage_caffe2.py.
void dump_damages(const std::string& path);

}  // namespace headrace::testing
