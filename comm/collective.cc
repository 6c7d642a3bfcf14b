#include "comm/collective.h"

#include <fmt/format.h>

#include "core/error.h"

namespace headrace::comm {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kAllreduce:
      return "allreduce";
    case Kind::kReduce:
      return "reduce";
    case Kind::kReduceScatter:
      return "reduce-scatter";
    case Kind::kBroadcast:
      return "broadcast";
    case Kind::kAllgather:
      return "allgather";
    case Kind::kGather:
      return "gather";
    case Kind::kScatter:
      return "scatter";
    case Kind::kAllToAll:
      return "all-to-all";
    case Kind::kBarrier:
      return "barrier";
  }
  return "?";
}

std::string_view name_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::kSum:
      return "sum";
    case Reduction::kMax:
      return "max";
    case Reduction::kMin:
      return "min";
  }
  return "?";
}

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kChoose:
      return "choose";
    case Algorithm::kRing:
      return "ring";
    case Algorithm::kHalvingDoubling:
      return "halving-doubling";
    case Algorithm::kFold:
      return "fold";
    case Algorithm::kBinaryBlocks:
      return "binary-blocks";
    case Algorithm::kMixedRadix:
      return "mixed-radix";
    case Algorithm::kTwoLevel:
      return "two-level";
    case Algorithm::kRecursiveDoubling:
      return "recursive-doubling";
    case Algorithm::kTree:
      return "tree";
    case Algorithm::kChain:
      return "chain";
    case Algorithm::kPairwise:
      return "pairwise";
    case Algorithm::kDirect:
      return "direct";
  }
  return "?";
}

Algorithm algorithm_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(Algorithm::kDirect); ++i) {
    if (name_of(static_cast<Algorithm>(i)) == name) return static_cast<Algorithm>(i);
  }
  fail(ErrorCode::kInvalidArgument, "there is no algorithm '{}'", name);
}

bool reduces(Kind kind) {
  return kind == Kind::kAllreduce || kind == Kind::kReduce || kind == Kind::kReduceScatter;
}

bool has_root(Kind kind) {
  return kind == Kind::kReduce || kind == Kind::kBroadcast || kind == Kind::kGather ||
         kind == Kind::kScatter;
}

std::string describe(const Collective& collective) {
  std::string text = fmt::format("{} '{}'", name_of(collective.kind), collective.name);
  if (collective.kind == Kind::kBarrier) return text;
  text += fmt::format(" of {} {}", collective.count, name_of(collective.dtype));
  text += " (";
  if (reduces(collective.kind)) text += fmt::format("{}, ", name_of(collective.reduction));
  if (has_root(collective.kind)) text += fmt::format("root {}, ", collective.root);
  text += name_of(collective.algorithm);
  if (collective.segment > 0) text += fmt::format(", segments of {}", collective.segment);
  if (collective.wire != DType::kUndefined) {
    text += fmt::format(", {} on the wire", name_of(collective.wire));
  }
  return text + ')';
}

}  // namespace headrace::comm
