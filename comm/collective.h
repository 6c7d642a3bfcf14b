#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/dtype.h"

namespace headrace::comm {

enum class Kind : uint8_t {
  kAllreduce,      // all ranks end with the reduction of all ranks' data
  kReduce,         // the root does; what the others end with is not defined
  kReduceScatter,  // rank i ends with part i of it; the rest of its data is not defined
  kBroadcast,      // all ranks end with the root's data
  kAllgather,      // all ranks start with their part and end with all parts
  kGather,         // the root does
  kScatter,        // each rank ends with its part of the root's data
  kAllToAll,       // part i of rank j's input becomes part j of rank i's data
  kBarrier,        // nobody goes on before all have come
};

enum class Reduction : uint8_t { kSum, kMax, kMin };

enum class Algorithm : uint8_t {
  kChoose,  // by comm/cost.h, from what all ranks know alike
  kRing,
  kHalvingDoubling,    // a power of two of ranks only
  kFold,               // halving-doubling among the largest power of two of ranks
  kBinaryBlocks,       // halving-doubling in blocks of powers of two
  kMixedRadix,         // a level per prime factor of the number of ranks; allreduce only
  kTwoLevel,           // within hosts, then between them; allreduce only
  kRecursiveDoubling,  // whole vectors; allreduce only
  kTree,               // binomial, whole vectors; broadcast and reduce only
  kChain,              // segment by segment along all ranks; broadcast and reduce only
  kPairwise,           // every rank reduces its part from all others; allreduce only
  kDirect,  // between two ranks in turn; gather, scatter, all-to-all and barrier have only this
            // one; an allreduce goes to rank 0 and comes from there
};

std::string_view name_of(Kind kind);
std::string_view name_of(Reduction reduction);
std::string_view name_of(Algorithm algorithm);
/// The other way round; throws kInvalidArgument for what is no algorithm.
Algorithm algorithm_named(std::string_view name);

inline constexpr uint64_t kNextTicket = ~uint64_t{0};

/// One thing that all ranks of a group do together. All ranks describe it alike but for the
/// addresses, and messages are checked against that.
///
/// `data` holds `count` elements, operand and result in place; where a part belongs to each rank,
/// rank i's is part({0, count}, size, i) (comm/schedule/schedule.h), for all-to-all an equal one:
/// `count` is a multiple of the size there. It stays where it is, and only the group touches it,
/// from start() to the completion.
struct Collective {
  Kind kind = Kind::kAllreduce;
  Algorithm algorithm = Algorithm::kChoose;
  Reduction reduction = Reduction::kSum;
  DType dtype = DType::kFloat32;  // float32, float64, float16, bfloat16, int32, int64
  /// What elements are on the wire: kUndefined for themselves; float16 or bfloat16 for float32
  /// data, which are still added up as float32. All ranks end with the same bits: numbers that the
  /// wire type has, where there is more than one rank. Not for gather, scatter and all-to-all.
  DType wire = DType::kUndefined;
  int root = 0;
  void* data = nullptr;
  const void* input = nullptr;  // all-to-all only
  size_t count = 0;
  size_t segment = 0;  // longest message in elements; 0: chosen with the algorithm
  /// Its place in the order on which all ranks agree (Group::reserve()).
  uint64_t ticket = kNextTicket;
  /// Seconds from its start to its end after which it has failed; 0: the group's.
  double timeout = 0;
  /// What an error calls it: the operator's name, which outlives it, and the step of the training
  /// or whatever the caller counts.
  const char* name = "";
  uint64_t step = 0;
};

/// Whether elements of several ranks are reduced to one.
bool reduces(Kind kind);
/// Whether one rank, the root, has another part than the others.
bool has_root(Kind kind);

/// "allreduce 'conv1_w_grad' of 2359296 float32 (sum, ring, segments of 65536)".
std::string describe(const Collective& collective);

}  // namespace headrace::comm
