#pragma once

#include <cstddef>
#include <vector>

#include "comm/schedule/schedule.h"

namespace headrace::comm {

/// Ranks first, first + stride, ...: those that take part in one phase, seen by one of them.
/// `member` is this rank's index. Counting starts `shift` ranks further on and wraps around.
struct Members {
  int first = 0;
  int stride = 1;
  int size = 1;
  int member = 0;
  int shift = 0;
  int rank(int index) const { return first + (index + shift) % size * stride; }
  /// The rank `distance` members further on the closed ring; negative goes back.
  int neighbour(int distance) const;
};

/// The whole world. Throws kInvalidArgument unless 0 <= rank < size.
Members everyone(World world);

/// The whole world counted from `root` on, which is its member 0. Throws kInvalidArgument unless
/// rank and root are in [0, size).
Members everyone_from(int root, World world);

/// What is done with the elements of a message.
enum class Arrival { kReplace, kReduce, kReduceFirst /* as the left operand */ };

/// Collects what one rank does, as rounds: in a round it sends at most one message and receives at
/// most one. Ranks agree on the number of rounds of every phase, and a message is received in the
/// round in which it is sent. That alone keeps a schedule from waiting on itself: the rank that is
/// furthest behind waits for a message which its sender has sent before waiting in that round.
class Rounds {
 public:
  explicit Rounds(size_t count, size_t segment);

  /// Elements a message may have at most, where an algorithm cuts into segments.
  size_t segment() const { return segment_; }
  /// How many messages `count` elements take.
  size_t messages(size_t count) const;

  void send(int peer, const Range& range);
  void receive(int peer, const Range& range, Arrival arrival);
  /// Ends the round, even an empty one: ranks that have nothing to do keep step.
  void next();

  /// `messages` rounds that send `sent` to `to` and receive `received` from `from`, part by part.
  /// A range without elements takes no message. With `descending` the last part goes first.
  void exchange(int to, const Range& sent, int from, const Range& received, Arrival arrival,
                size_t messages, bool descending = false);

  /// The rounds as steps. The send of a round stands before the receive of the round before it when
  /// it does not need it: then the wire is busy while what has just arrived is reduced. Reduced
  /// messages take turns in two places of the scratch, so that one can arrive meanwhile.
  Schedule schedule() &&;

 private:
  struct Message {
    int peer = -1;  // -1: none
    Range range;
    Arrival arrival = Arrival::kReplace;
  };
  struct Round {
    Message sent;
    Message received;
  };

  size_t count_;
  size_t segment_;
  Round current_;
  std::vector<Round> rounds_;
};

}  // namespace headrace::comm
