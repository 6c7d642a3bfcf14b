#include "comm/schedule/schedule.h"

#include <algorithm>

#include <fmt/core.h>

namespace headrace::comm {
namespace {

std::string place(Buffer buffer, size_t begin, size_t count) {
  const char* name = buffer == Buffer::kData    ? "data"
                     : buffer == Buffer::kInput ? "input"
                                                : "scratch";
  return fmt::format("{}[{}, {})", name, begin, begin + count);
}

std::string describe(const Step& step) {
  const auto source = place(step.source_buffer, step.source, step.count);
  const auto target = place(step.target_buffer, step.target, step.count);
  switch (step.action) {
    case Action::kSend:
      return fmt::format("send {} to {}", source, step.peer);
    case Action::kReceive:
      return fmt::format("receive {} from {}", target, step.peer);
    case Action::kReduce:
      return step.source_first ? fmt::format("{} = {} op {}", target, source, target)
                               : fmt::format("{} = {} op {}", target, target, source);
    case Action::kCopy:
      break;
  }
  return fmt::format("{} = {}", target, source);
}

}  // namespace

bool overlap(const Range& a, const Range& b) {
  return std::max(a.begin, b.begin) < std::min(a.end(), b.end());
}

Range part(const Range& range, size_t parts, size_t index) {
  const size_t whole = range.count / parts;
  const size_t longer = range.count % parts;
  return {range.begin + index * whole + std::min(index, longer), whole + (index < longer ? 1 : 0)};
}

std::string describe(const Schedule& schedule) {
  std::string text;
  for (const Step& step : schedule.steps) text += describe(step) + '\n';
  return text;
}

}  // namespace headrace::comm
