#include <algorithm>
#include <utility>

#include "comm/schedule/allreduce.h"
#include "comm/schedule/rounds.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

/// What one rank does, segment by segment.
class Pairwise {
 public:
  Pairwise(World world, size_t count, size_t segment) : ranks_(everyone(world)), range_{0, count} {
    require(segment > 0, ErrorCode::kInvalidArgument,
            "a segment of a collective has at least one element, not 0");
    const size_t longest = part_of(0).count;
    messages_ = longest / segment + (longest % segment == 0 ? 0 : 1);
    // Half of the scratch each: one message can arrive while another is reduced.
    place_ = messages_ == 0 ? 0 : part(part_of(0), messages_, 0).count;
    schedule_ = {.data_count = count, .scratch_count = 2 * place_, .steps = {}};
  }

  Schedule schedule() && {
    send(0, true);
    for (size_t s = 0; s <= messages_; ++s) {
      // What has been reduced is handed on while it is still in a cache. Receives stand in front of
      // the sends of their round: a send may have to wait for those of the same round elsewhere.
      if (s < messages_) receive(s, true);
      if (s > 0) receive(s - 1, false);
      if (s + 1 < messages_) send(s + 1, true);
      if (s < messages_) send(s, false);
    }
    return std::move(schedule_);
  }

 private:
  Range part_of(int rank) const {
    return part(range_, static_cast<size_t>(ranks_.size), static_cast<size_t>(rank));
  }

  /// To the rank whose part it is; then from there.
  void send(size_t index, bool reduces) {
    if (index >= messages_) return;
    for (int distance = 1; distance < ranks_.size; ++distance) {
      const int peer = ranks_.neighbour(-distance);
      const Range range = part(part_of(reduces ? peer : ranks_.member), messages_, index);
      if (range.count == 0) continue;
      schedule_.steps.push_back(
          {.action = Action::kSend, .peer = peer, .source = range.begin, .count = range.count});
    }
  }

  void receive(size_t index, bool reduces) {
    for (int distance = 1; distance < ranks_.size; ++distance) {
      const int peer = ranks_.neighbour(distance);
      const auto [begin, count] = part(part_of(reduces ? ranks_.member : peer), messages_, index);
      if (count == 0) continue;
      Step step{.action = Action::kReceive, .peer = peer, .target = begin, .count = count};
      if (!reduces) {
        schedule_.steps.push_back(step);
        continue;
      }
      step.target_buffer = Buffer::kScratch;
      step.target = reduced_++ % 2 == 0 ? 0 : place_;
      schedule_.steps.push_back(step);
      schedule_.steps.push_back({.action = Action::kReduce,
                                 .source_buffer = Buffer::kScratch,
                                 .source = step.target,
                                 .target = begin,
                                 .count = count});
    }
  }

  Members ranks_;
  Range range_;
  size_t messages_ = 0;
  size_t place_ = 0;
  size_t reduced_ = 0;
  Schedule schedule_;
};

}  // namespace

Schedule pairwise_allreduce(World world, size_t count, size_t segment) {
  return Pairwise(world, count, segment).schedule();
}

}  // namespace headrace::comm
