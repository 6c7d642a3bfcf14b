#include "comm/program.h"

#include <algorithm>
#include <map>

#include "comm/reduce.h"
#include "comm/schedule/allreduce.h"
#include "comm/schedule/collectives.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

[[noreturn]] void no_such(const Collective& collective, int size) {
  fail(ErrorCode::kInvalidArgument, "there is no {} by {} for {} ranks", name_of(collective.kind),
       name_of(collective.algorithm), size);
}

Schedule schedule_of(const Collective& c, World world, int ranks_per_host) {
  const size_t segment = std::max<size_t>(c.segment, 1);
  switch (c.kind) {
    case Kind::kAllreduce:
      switch (c.algorithm) {
        case Algorithm::kRing:
          return ring_allreduce(world, c.count, segment);
        case Algorithm::kHalvingDoubling:
          return halving_doubling_allreduce(world, c.count, segment);
        case Algorithm::kFold:
          return fold_allreduce(world, c.count, segment);
        case Algorithm::kBinaryBlocks:
          return binary_blocks_allreduce(world, c.count, segment);
        case Algorithm::kMixedRadix:
          return mixed_radix_allreduce(world, c.count, segment);
        case Algorithm::kTwoLevel:
          return two_level_allreduce(world, c.count, segment, ranks_per_host);
        case Algorithm::kRecursiveDoubling:
          return recursive_doubling_allreduce(world, c.count);
        case Algorithm::kPairwise:
          return pairwise_allreduce(world, c.count, segment);
        case Algorithm::kDirect:
          return star_allreduce(world, c.count);
        default:
          no_such(c, world.size);
      }
    case Kind::kReduceScatter:
      if (c.algorithm == Algorithm::kRing) return ring_reduce_scatter(world, c.count, segment);
      if (c.algorithm == Algorithm::kHalvingDoubling) {
        return halving_reduce_scatter(world, c.count, segment);
      }
      no_such(c, world.size);
    case Kind::kAllgather:
      if (c.algorithm == Algorithm::kRing) return ring_allgather(world, c.count, segment);
      if (c.algorithm == Algorithm::kHalvingDoubling) {
        return doubling_allgather(world, c.count, segment);
      }
      no_such(c, world.size);
    case Kind::kBroadcast:
      if (c.algorithm == Algorithm::kTree) return tree_broadcast(world, c.root, c.count);
      if (c.algorithm == Algorithm::kChain) {
        return chain_broadcast(world, c.root, c.count, segment);
      }
      no_such(c, world.size);
    case Kind::kReduce:
      if (c.algorithm == Algorithm::kTree) return tree_reduce(world, c.root, c.count);
      if (c.algorithm == Algorithm::kChain) return chain_reduce(world, c.root, c.count, segment);
      no_such(c, world.size);
    case Kind::kGather:
      if (c.algorithm == Algorithm::kDirect) return gather(world, c.root, c.count, segment);
      no_such(c, world.size);
    case Kind::kScatter:
      if (c.algorithm == Algorithm::kDirect) return scatter(world, c.root, c.count, segment);
      no_such(c, world.size);
    case Kind::kAllToAll:
      if (c.algorithm == Algorithm::kDirect) {
        return all_to_all(world, c.count / static_cast<size_t>(world.size), segment);
      }
      no_such(c, world.size);
    case Kind::kBarrier:
      if (c.algorithm == Algorithm::kDirect) return barrier(world);
      no_such(c, world.size);
  }
  no_such(c, world.size);
}

uint64_t mixed(uint64_t hash, uint64_t value) {  // SplitMix64's finaliser over a running sum
  hash += value + 0x9e3779b97f4a7c15;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
  return hash ^ (hash >> 31);
}

/// Sends of earlier steps, and what they read.
struct Sent {
  Buffer buffer;
  Range range;
};

bool overlaps_any(const std::vector<Sent>& sent, Buffer buffer, const Range& range) {
  return std::any_of(sent.begin(), sent.end(),
                     [&](const Sent& s) { return s.buffer == buffer && overlap(s.range, range); });
}

/// Parts that are reduced here and sent to nobody afterwards: a wire type has not rounded them yet.
std::vector<Range> not_sent(const std::vector<Program::Step>& steps) {
  std::vector<Range> found;
  for (size_t i = 0; i < steps.size(); ++i) {
    const Program::Step& step = steps[i];
    if (step.action != Program::Action::kReceiveReduce && step.action != Program::Action::kReduce) {
      continue;
    }
    const Range range{step.target, step.count};
    const bool sent = std::any_of(
        steps.begin() + static_cast<ptrdiff_t>(i), steps.end(), [&](const Program::Step& later) {
          return later.action == Program::Action::kSend && later.source <= range.begin &&
                 range.end() <= later.source + later.count;
        });
    if (!sent) found.push_back(range);
  }
  return found;
}

}  // namespace

uint64_t signature_of(const Collective& c, int size, int ranks_per_host) {
  uint64_t hash = 0;
  for (const uint64_t value :
       {static_cast<uint64_t>(c.kind), static_cast<uint64_t>(c.algorithm),
        static_cast<uint64_t>(c.reduction), static_cast<uint64_t>(c.dtype),
        static_cast<uint64_t>(c.wire), static_cast<uint64_t>(c.root),
        static_cast<uint64_t>(c.count), static_cast<uint64_t>(c.segment),
        static_cast<uint64_t>(size), static_cast<uint64_t>(ranks_per_host)}) {
    hash = mixed(hash, value);
  }
  return hash;
}

void validate(const Collective& c, int size) {
  auto check = [&](bool holds, std::string_view what) {
    // Described only if it is wrong: this stands in front of every collective.
    if (!holds) fail(ErrorCode::kInvalidArgument, "{}: {}", describe(c), what);
  };
  if (c.kind == Kind::kBarrier) return;
  check(can_reduce(c.dtype), "elements are float32, float64, float16, bfloat16, int32 or int64");
  check(c.count == 0 || c.data != nullptr, "there is no data");
  check(c.count <= SIZE_MAX / 8, "so many elements do not fit into memory");
  if (has_root(c.kind)) check(c.root >= 0 && c.root < size, "the root is no rank of the group");
  if (c.wire != DType::kUndefined) {
    check(c.wire == DType::kFloat16 || c.wire == DType::kBFloat16,
          "on the wire elements are float16 or bfloat16, or as they are");
    check(c.dtype == DType::kFloat32, "a wire type is for float32");
    check(reduces(c.kind) || c.kind == Kind::kBroadcast || c.kind == Kind::kAllgather,
          "a wire type is for allreduce, reduce, reduce-scatter, broadcast and allgather");
  }
  if (c.kind == Kind::kAllToAll) {
    check(c.count % static_cast<size_t>(size) == 0, "the size of the group does not divide it");
    check(c.count == 0 || c.input != nullptr, "all-to-all has an input of its own");
  } else {
    check(c.input == nullptr, "only all-to-all has an input of its own");
  }
}

std::shared_ptr<const Program> make_program(const Collective& collective, World world,
                                            int ranks_per_host) {
  auto program = std::make_shared<Program>();
  program->collective = collective;
  program->collective.data = nullptr;
  program->collective.input = nullptr;
  program->collective.name = "";
  program->collective.ticket = kNextTicket;
  program->signature = signature_of(collective, world.size, ranks_per_host);

  const Schedule schedule = schedule_of(collective, world, ranks_per_host);
  struct Peer {
    uint32_t sent = 0;
    uint32_t received = 0;
    int places = -1;
  };
  std::map<int, Peer> peers;
  std::vector<Sent> sent;
  using Action = Program::Action;
  for (size_t i = 0; i < schedule.steps.size(); ++i) {
    const auto& from = schedule.steps[i];
    Program::Step step{.source_buffer = from.source_buffer,
                       .target_buffer = from.target_buffer,
                       .source_first = from.source_first,
                       .peer = from.peer,
                       .source = from.source,
                       .target = from.target,
                       .count = from.count};
    switch (from.action) {
      case comm::Action::kSend: {
        Peer& peer = peers[from.peer];
        if (peer.places < 0) {
          peer.places = program->places;
          program->places += kMessagesInFlight;
        }
        step.action = Action::kSend;
        step.place = peer.places + static_cast<int>(peer.sent % kMessagesInFlight);
        step.index = peer.sent++;
        program->longest_send = std::max(program->longest_send, step.count);
        sent.push_back({from.source_buffer, {from.source, from.count}});
        break;
      }
      case comm::Action::kReceive: {
        step.action = Action::kReceive;
        step.index = peers[from.peer].received++;
        // What is received only to be reduced is reduced as it arrives, unless that has to wait for
        // a send: the peer might not read before its own message is read.
        if (from.target_buffer == Buffer::kScratch && i + 1 < schedule.steps.size()) {
          const auto& then = schedule.steps[i + 1];
          if (then.action == comm::Action::kReduce && then.source_buffer == Buffer::kScratch &&
              then.source == from.target && then.count == from.count &&
              !overlaps_any(sent, then.target_buffer, {then.target, then.count})) {
            step.action = Action::kReceiveReduce;
            step.source_first = then.source_first;
            step.target_buffer = then.target_buffer;
            step.target = then.target;
            ++i;
          }
        }
        break;
      }
      case comm::Action::kReduce:
        step.action = Action::kReduce;
        break;
      case comm::Action::kCopy:
        step.action = Action::kCopy;
        break;
    }
    const bool writes = step.action != Action::kSend;
    step.after_sends = writes && overlaps_any(sent, step.target_buffer, {step.target, step.count});
    if (writes && step.target_buffer == Buffer::kScratch) {
      program->scratch_count = std::max(program->scratch_count, step.target + step.count);
    }
    program->steps.push_back(step);
  }
  if (collective.wire != DType::kUndefined && reduces(collective.kind)) {
    program->to_round = not_sent(program->steps);
  }
  return program;
}

}  // namespace headrace::comm
