#include "tests/comm/simulator.h"

#include <algorithm>
#include <deque>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

namespace headrace::comm {
namespace {

uint64_t mix(uint64_t x) {  // SplitMix64
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

Element reduced(const Element& left, const Element& right) {
  return {left.sum + right.sum, mix(left.tree * 3 + mix(right.tree)), left.value + right.value};
}

struct Message {
  Buffer buffer;
  size_t begin;
  size_t count;
  double arrival;
};

struct Rank {
  std::vector<Element> data, input, scratch;
  size_t next = 0;  // step
  double clock = 0, sent = 0, received = 0;
  std::vector<int> receivers;  // of messages not yet read

  std::vector<Element>& buffer(Buffer b) {
    return b == Buffer::kData ? data : b == Buffer::kInput ? input : scratch;
  }
};

class Simulation {
 public:
  Simulation(const std::vector<Schedule>& schedules, std::vector<std::vector<Element>> data,
             const Timing& timing)
      : schedules_(schedules), ranks_(schedules.size()), timing_(timing) {
    for (size_t r = 0; r < ranks_.size(); ++r) {
      if (data[r].size() != schedules[r].data_count) error_ = "data of another length";
      if (schedules[r].input_count > 0) ranks_[r].input = data[r];
      ranks_[r].data = std::move(data[r]);
      ranks_[r].scratch.resize(schedules[r].scratch_count);
    }
  }

  Outcome run() {
    for (bool progress = true; progress && error_.empty();) {
      progress = false;
      for (size_t r = 0; r < ranks_.size(); ++r) {
        while (error_.empty() && ranks_[r].next < schedules_[r].steps.size() && step(r)) {
          ++ranks_[r].next;
          progress = true;
        }
      }
    }
    Outcome outcome{.error = error_, .data = {}};
    for (size_t r = 0; r < ranks_.size(); ++r) {
      Rank& rank = ranks_[r];
      if (outcome.error.empty() && rank.next < schedules_[r].steps.size()) outcome.error = stuck();
      if (outcome.error.empty() && !rank.receivers.empty()) {
        outcome.error =
            fmt::format("rank {} sent to {}, which did not receive", r, rank.receivers.front());
      }
      outcome.time = std::max({outcome.time, rank.clock, rank.sent});
      outcome.data.push_back(std::move(rank.data));
    }
    return outcome;
  }

 private:
  std::deque<Message>& channel(size_t from, size_t to) {
    return channels_[from * ranks_.size() + to];
  }

  /// False if the step has to wait.
  bool step(size_t r) {
    Rank& rank = ranks_[r];
    const Step& step = schedules_[r].steps[rank.next];
    const bool reads = step.action != Action::kReceive;
    const bool writes = step.action != Action::kSend;
    if ((reads && step.source + step.count > rank.buffer(step.source_buffer).size()) ||
        (writes && step.target + step.count > rank.buffer(step.target_buffer).size())) {
      return wrong(r, "leaves its buffer");
    }
    const bool talks = step.action == Action::kSend || step.action == Action::kReceive;
    const auto peer = static_cast<size_t>(step.peer);
    if (talks && (step.peer < 0 || peer >= ranks_.size() || peer == r)) {
      return wrong(r, "has no such peer");
    }
    if (writes && in_use(r, step)) return false;

    if (step.action == Action::kSend) {
      auto& messages = channel(r, peer);
      if (messages.size() == kMessagesInFlight) return false;
      rank.sent = std::max(rank.sent, rank.clock) + message_time(step);
      messages.push_back({step.source_buffer, step.source, step.count, rank.sent});
      rank.receivers.push_back(step.peer);
      return true;
    }
    Element* target = rank.buffer(step.target_buffer).data() + step.target;
    if (step.action == Action::kReceive) {
      auto& messages = channel(peer, r);
      if (messages.empty()) return false;
      const Message message = messages.front();
      messages.pop_front();
      Rank& sender = ranks_[peer];
      sender.receivers.erase(
          std::find(sender.receivers.begin(), sender.receivers.end(), static_cast<int>(r)));
      if (message.count != step.count) return wrong(r, "gets a message of another length");
      std::copy_n(sender.buffer(message.buffer).data() + message.begin, step.count, target);
      rank.received = std::max(rank.received + message_time(step), message.arrival);
      rank.clock = std::max(rank.clock, rank.received);
      return true;
    }
    if (step.action == Action::kReduce) {
      rank.clock += timing_.gamma * static_cast<double>(step.count);
    }
    const Element* source = rank.buffer(step.source_buffer).data() + step.source;
    for (size_t i = 0; i < step.count; ++i) {
      if (step.action == Action::kCopy) {
        target[i] = source[i];
      } else {
        target[i] =
            step.source_first ? reduced(source[i], target[i]) : reduced(target[i], source[i]);
      }
    }
    return true;
  }

  double message_time(const Step& step) const {
    return timing_.alpha + timing_.beta * static_cast<double>(step.count);
  }

  /// Whether the target of a step overlaps a message of this rank that was not yet read.
  bool in_use(size_t r, const Step& step) {
    for (int receiver : ranks_[r].receivers) {
      for (const Message& message : channel(r, static_cast<size_t>(receiver))) {
        if (message.buffer == step.target_buffer &&
            overlap({message.begin, message.count}, {step.target, step.count})) {
          return true;
        }
      }
    }
    return false;
  }

  std::string position(size_t r) {
    const size_t next = ranks_[r].next;
    Schedule one;
    one.steps = {schedules_[r].steps[next]};
    return fmt::format("rank {}, step {}: {}", r, next, describe(one));
  }

  bool wrong(size_t r, const char* what) {
    error_ = position(r) + what;
    return false;
  }

  std::string stuck() {
    std::string text = "these wait forever:\n";
    for (size_t r = 0; r < ranks_.size(); ++r) {
      if (ranks_[r].next < schedules_[r].steps.size()) text += position(r);
    }
    return text;
  }

  const std::vector<Schedule>& schedules_;
  std::vector<Rank> ranks_;
  Timing timing_;
  std::unordered_map<size_t, std::deque<Message>> channels_;
  std::string error_;
};

}  // namespace

Element element_of(int rank, size_t index) {
  const uint64_t random = mix(index * 1024 + static_cast<uint64_t>(rank));
  return {random, mix(random), static_cast<float>(random >> 40) * 0x1p-20f - 8.0f};
}

Outcome simulate(const std::vector<Schedule>& schedules, std::vector<std::vector<Element>> data,
                 const Timing& timing) {
  return Simulation(schedules, std::move(data), timing).run();
}

}  // namespace headrace::comm
