#include <charconv>

#include "comm/launch_environment.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

constexpr size_t kMost = 1 << 20;  // no cluster has more; a typing error may say so

size_t number(std::string_view text, std::string_view list) {
  size_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require(!text.empty() && error == std::errc() && stop == text.data() + text.size() &&
              value <= 1'000'000'000,
          ErrorCode::kInvalidArgument, "'{}' is no number, in the Slurm list '{}'", text, list);
  return value;
}

// Cuts at commas that stand in no bracket.
std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    if (i == list.size() || (list[i] == ',' && depth == 0)) {
      parts.push_back(list.substr(begin, i - begin));
      begin = i + 1;
    } else if (list[i] == '[') {
      ++depth;
    } else if (list[i] == ']') {
      --depth;
    }
    require(depth == 0 || depth == 1, ErrorCode::kInvalidArgument,
            "brackets do not match in the Slurm list '{}'", list);
  }
  require(depth == 0, ErrorCode::kInvalidArgument, "brackets do not match in the Slurm list '{}'",
          list);
  return parts;
}

void expand_one(const std::string& before, std::string_view rest, std::string_view list,
                std::vector<std::string>& hosts) {
  const size_t open = rest.find('[');
  if (open == rest.npos) {
    require(hosts.size() < kMost && !(before.empty() && rest.empty()), ErrorCode::kInvalidArgument,
            "an empty host name, or more than {} hosts, in the Slurm list '{}'", kMost, list);
    hosts.push_back(before + std::string(rest));
    return;
  }
  const size_t close = rest.find(']');
  const std::string prefix = before + std::string(rest.substr(0, open));
  const std::string_view after = rest.substr(close + 1);
  for (const std::string_view range : split(rest.substr(open + 1, close - open - 1))) {
    const size_t dash = range.find('-');
    const std::string_view first = range.substr(0, dash);
    const size_t from = number(first, list);
    const size_t to = dash == range.npos ? from : number(range.substr(dash + 1), list);
    require(from <= to && to - from < kMost, ErrorCode::kInvalidArgument,
            "the range '{}' runs backwards or is too long, in the Slurm list '{}'", range, list);
    for (size_t i = from; i <= to; ++i) {
      expand_one(prefix + fmt::format("{:0{}}", i, first.size()), after, list, hosts);
    }
  }
}

}  // namespace

std::vector<std::string> expand_hosts(std::string_view list) {
  std::vector<std::string> hosts;
  for (const std::string_view part : split(list)) expand_one("", part, list, hosts);
  return hosts;
}

std::vector<int> expand_counts(std::string_view list) {
  std::vector<int> counts;
  for (const std::string_view part : split(list)) {
    const size_t open = part.find("(x");
    size_t times = 1;
    if (open != part.npos) {
      require(part.ends_with(')'), ErrorCode::kInvalidArgument,
              "'{}' lacks ')' in the Slurm list '{}'", part, list);
      times = number(part.substr(open + 2, part.size() - open - 3), list);
    }
    const size_t count = number(part.substr(0, open), list);
    require(counts.size() + times <= kMost, ErrorCode::kInvalidArgument,
            "more than {} nodes in the Slurm list '{}'", kMost, list);
    counts.insert(counts.end(), times, static_cast<int>(count));
  }
  return counts;
}

}  // namespace headrace::comm
