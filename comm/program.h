#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "comm/collective.h"
#include "comm/schedule/schedule.h"

namespace headrace::comm {

/// What kChoose stands for: an algorithm, its longest message in elements, and for kTwoLevel the
/// ranks of a host.
struct Choice {
  Algorithm algorithm = Algorithm::kRing;
  size_t segment = 0;
  int ranks_per_host = 1;
};

/// A collective made ready for the interpreter (progress.h): its schedule for one rank, and what
/// can be known about the steps before they are run. Immutable; shared by all calls that differ in
/// nothing but addresses, names and tickets.
struct Program {
  enum class Action : uint8_t {
    kSend,
    kReceive,
    kReceiveReduce,  // target = target op what arrives, as it arrives
    kReduce,
    kCopy,
  };

  struct Step {
    Action action = Action::kSend;
    Buffer source_buffer = Buffer::kData;
    Buffer target_buffer = Buffer::kData;
    bool source_first = false;
    /// It writes what an earlier step sends, so that send has to be done first.
    bool after_sends = false;
    int peer = -1;
    /// kSend: which of the places for messages on their way; messages of one peer take turns in
    /// kMessagesInFlight of them.
    int place = -1;
    uint32_t index = 0;                        // among the messages to, or from, this peer
    size_t source = 0, target = 0, count = 0;  // elements
  };

  Collective collective;  // without addresses, name and ticket; algorithm and segment chosen
  uint64_t signature = 0;
  std::vector<Step> steps;
  int places = 0;
  size_t scratch_count = 0;     // elements
  size_t longest_send = 0;      // elements
  std::vector<Range> to_round;  // what this rank reduced last, with a wire type, and did not send
};

/// A hash of what all ranks have to agree on: of everything but addresses, name, ticket and time.
uint64_t signature_of(const Collective& collective, int size, int ranks_per_host);

/// The program of one rank. `collective` has its final algorithm and segment. Throws
/// kInvalidArgument for what makes no sense.
std::shared_ptr<const Program> make_program(const Collective& collective, World world,
                                            int ranks_per_host);

/// Throws kInvalidArgument unless such a collective exists in a group of `size`.
void validate(const Collective& collective, int size);

}  // namespace headrace::comm
