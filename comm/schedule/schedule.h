#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace headrace::comm {

/// Elements [begin, begin + count) of a buffer.
struct Range {
  size_t begin = 0;
  size_t count = 0;
  size_t end() const { return begin + count; }
  bool operator==(const Range&) const = default;
};

bool overlap(const Range& a, const Range& b);

/// Part `index` of `range` cut into `parts` neighbours whose sizes differ by at most one element,
/// the longer ones first.
Range part(const Range& range, size_t parts, size_t index);

/// One rank among `size`.
struct World {
  int rank = 0;
  int size = 1;
};

/// Which of a rank's buffers a step reads or writes.
enum class Buffer {
  kData,     // the caller's: operand and result in place
  kInput,    // the caller's, read only; all-to-all alone has one
  kScratch,  // what was received and is not yet reduced
};

enum class Action {
  kSend,     // source to `peer`
  kReceive,  // from `peer` into target
  kReduce,   // target = target op source; with source_first, source op target
  kCopy,     // target = source
};

/// One step of one rank. Source and target have the length `count`.
struct Step {
  Action action = Action::kSend;
  int peer = -1;  // kSend and kReceive only
  Buffer source_buffer = Buffer::kData;
  size_t source = 0;  // first element
  Buffer target_buffer = Buffer::kData;
  size_t target = 0;
  size_t count = 0;  // elements; zero only in a barrier
  bool source_first = false;
  bool operator==(const Step&) const = default;
};

/// What one rank does in a collective: steps in order, lengths in elements.
///
/// Between two ranks and in one direction messages arrive in the order of their sends, and the n-th
/// receive takes the n-th send. A receive waits for its message. A send need not wait for its
/// receive: the schedules of all ranks together finish if each direction of each pair holds
/// kMessagesInFlight messages, and then no step can wait on itself. A step that writes a range
/// waits until the sends from it have been read.
///
/// The same arguments give the same schedule in every process, so ranks need not talk to agree.
struct Schedule {
  size_t data_count = 0;
  size_t input_count = 0;
  size_t scratch_count = 0;
  std::vector<Step> steps;
};

inline constexpr int kMessagesInFlight = 2;

/// One line per step: "send data[0, 8) to 3".
std::string describe(const Schedule& schedule);

}  // namespace headrace::comm
