#include "graph/problems.h"

namespace headrace::graph {

std::string describe(const OpLocation& location) {
  std::string text = location.op_type;
  if (!location.op_name.empty()) text += fmt::format(" '{}'", location.op_name);
  if (location.position >= 0) text += fmt::format(" (#{})", location.position);
  return text;
}

void Problems::add(const OpLocation& location, std::string message) {
  std::string where = describe(location);
  lines_.push_back(where.empty() ? std::move(message) : where + ": " + message);
}

void Problems::throw_if_any() const {
  if (lines_.empty()) return;
  constexpr size_t kMost = 50;
  std::string text =
      lines_.size() == 1 ? lines_.front() : fmt::format("{} problems:", lines_.size());
  if (lines_.size() > 1) {
    for (size_t i = 0; i < std::min(lines_.size(), kMost); ++i) text += "\n  - " + lines_[i];
    if (lines_.size() > kMost) text += fmt::format("\n  - and {} more", lines_.size() - kMost);
  }
  throw Error(ErrorCode::kInvalidNet, text).at({.net = net_});
}

}  // namespace headrace::graph
