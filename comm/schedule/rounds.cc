#include "comm/schedule/rounds.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"

namespace headrace::comm {

int Members::neighbour(int distance) const {
  return rank(((member + distance) % size + size) % size);
}

Members everyone(World world) {
  require(world.rank >= 0 && world.rank < world.size, ErrorCode::kInvalidArgument,
          "a rank is in [0, world size), but {} is not in [0, {})", world.rank, world.size);
  return {.first = 0, .stride = 1, .size = world.size, .member = world.rank};
}

Members everyone_from(int root, World world) {
  Members group = everyone(world);
  require(root >= 0 && root < world.size, ErrorCode::kInvalidArgument,
          "a root is in [0, world size), but {} is not in [0, {})", root, world.size);
  group.member = (world.rank - root + world.size) % world.size;
  group.shift = root;
  return group;
}

Rounds::Rounds(size_t count, size_t segment) : count_(count), segment_(segment) {
  require(segment > 0, ErrorCode::kInvalidArgument,
          "a segment of a collective has at least one element, not 0");
}

size_t Rounds::messages(size_t count) const {
  return count / segment_ + (count % segment_ == 0 ? 0 : 1);
}

void Rounds::send(int peer, const Range& range) { current_.sent = {.peer = peer, .range = range}; }

void Rounds::receive(int peer, const Range& range, Arrival arrival) {
  current_.received = {.peer = peer, .range = range, .arrival = arrival};
}

void Rounds::next() { rounds_.push_back(std::exchange(current_, {})); }

void Rounds::exchange(int to, const Range& sent, int from, const Range& received, Arrival arrival,
                      size_t messages, bool descending) {
  for (size_t i = 0; i < messages; ++i) {
    const size_t index = descending ? messages - 1 - i : i;
    const Range out = part(sent, messages, index);
    const Range in = part(received, messages, index);
    if (out.count > 0) send(to, out);
    if (in.count > 0) receive(from, in, arrival);
    next();
  }
}

Schedule Rounds::schedule() && {
  // Rounds without messages only kept step with other ranks.
  std::erase_if(rounds_, [](const Round& r) { return r.sent.peer < 0 && r.received.peer < 0; });

  std::array<size_t, 2> places{};
  size_t reduced = 0;
  for (const Round& round : rounds_) {
    const Message& message = round.received;
    if (message.peer < 0 || message.arrival == Arrival::kReplace) continue;
    size_t& place = places[reduced++ % 2];
    place = std::max(place, message.range.count);
  }

  Schedule result{.data_count = count_, .scratch_count = places[0] + places[1], .steps = {}};
  auto emit_send = [&](const Message& message) {
    if (message.peer < 0) return;
    result.steps.push_back({.action = Action::kSend,
                            .peer = message.peer,
                            .source = message.range.begin,
                            .count = message.range.count});
  };
  reduced = 0;
  auto emit_receive = [&](const Message& message) {
    if (message.peer < 0) return;
    const auto [begin, count] = message.range;
    Step step{.action = Action::kReceive, .peer = message.peer, .target = begin, .count = count};
    if (message.arrival == Arrival::kReplace) {
      result.steps.push_back(step);
      return;
    }
    const size_t place = reduced++ % 2 == 0 ? 0 : places[0];
    step.target_buffer = Buffer::kScratch;
    step.target = place;
    result.steps.push_back(step);
    result.steps.push_back({.action = Action::kReduce,
                            .source_buffer = Buffer::kScratch,
                            .source = place,
                            .target = begin,
                            .count = count,
                            .source_first = message.arrival == Arrival::kReduceFirst});
  };

  bool sent = false;  // already, ahead of the round before
  for (size_t i = 0; i < rounds_.size(); ++i) {
    if (!sent) emit_send(rounds_[i].sent);
    // What has no elements is awaited for its own sake: a barrier.
    sent = i + 1 < rounds_.size() && rounds_[i].received.range.count > 0 &&
           !overlap(rounds_[i + 1].sent.range, rounds_[i].received.range);
    if (sent) emit_send(rounds_[i + 1].sent);
    emit_receive(rounds_[i].received);
  }
  return result;
}

}  // namespace headrace::comm
