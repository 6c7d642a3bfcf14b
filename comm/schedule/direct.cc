#include <utility>

#include "comm/schedule/collectives.h"
#include "comm/schedule/rounds.h"

namespace headrace::comm {
namespace {

/// Between the root and each other rank in turn goes that rank's part of `count` elements.
Schedule with_root(World world, int root, size_t count, size_t segment, bool towards_root) {
  const Members group = everyone_from(root, world);
  Rounds rounds(count, segment);
  auto move = [&](int peer, int owner, bool send) {
    const Range range =
        part({0, count}, static_cast<size_t>(group.size), static_cast<size_t>(owner));
    rounds.exchange(send ? peer : -1, send ? range : Range{}, send ? -1 : peer,
                    send ? Range{} : range, Arrival::kReplace, rounds.messages(range.count));
  };
  if (group.member != 0) {
    move(root, world.rank, towards_root);
  } else {
    for (int i = 1; i < group.size; ++i) move(group.rank(i), group.rank(i), !towards_root);
  }
  return std::move(rounds).schedule();
}

}  // namespace

Schedule gather(World world, int root, size_t count, size_t segment) {
  return with_root(world, root, count, segment, true);
}

Schedule scatter(World world, int root, size_t count, size_t segment) {
  return with_root(world, root, count, segment, false);
}

Schedule all_to_all(World world, size_t block, size_t segment) {
  const Members group = everyone(world);
  Rounds rounds(block * static_cast<size_t>(group.size), segment);
  auto block_of = [&](int rank) { return Range{static_cast<size_t>(rank) * block, block}; };
  for (int distance = 1; distance < group.size; ++distance) {
    const int to = group.neighbour(distance);
    const int from = group.neighbour(-distance);
    rounds.exchange(to, block_of(to), from, block_of(from), Arrival::kReplace,
                    rounds.messages(block));
  }
  Schedule schedule = std::move(rounds).schedule();
  schedule.input_count = schedule.data_count;
  for (Step& step : schedule.steps) {
    if (step.action == Action::kSend) step.source_buffer = Buffer::kInput;
  }
  const Range own = block_of(world.rank);
  if (block > 0) {
    schedule.steps.push_back({.action = Action::kCopy,
                              .source_buffer = Buffer::kInput,
                              .source = own.begin,
                              .target = own.begin,
                              .count = own.count});
  }
  return schedule;
}

Schedule barrier(World world) {
  const Members group = everyone(world);
  Rounds rounds(0, 1);
  for (int distance = 1; distance < group.size; distance *= 2) {
    rounds.send(group.neighbour(distance), {});
    rounds.receive(group.neighbour(-distance), {}, Arrival::kReplace);
    rounds.next();
  }
  return std::move(rounds).schedule();
}

}  // namespace headrace::comm
