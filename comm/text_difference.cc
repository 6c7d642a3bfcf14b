#include "comm/text_difference.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace headrace::comm {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void append(std::string& text, std::string_view name, const std::vector<std::string_view>& lines,
            size_t begin, size_t end, size_t most) {
  for (size_t i = begin; i < std::min(end, begin + most); ++i) {
    text += fmt::format("  {}, line {}: {}\n", name, i + 1, lines[i]);
  }
  if (begin == end) text += fmt::format("  {} has no line {}\n", name, begin + 1);
  if (end > begin + most) {
    text += fmt::format("  {}: and {} lines more\n", name, end - begin - most);
  }
}

}  // namespace

std::string describe_difference(std::string_view a, std::string_view a_name, std::string_view b,
                                std::string_view b_name, size_t most) {
  if (a == b) return "";
  const std::vector<std::string_view> left = lines_of(a);
  const std::vector<std::string_view> right = lines_of(b);
  const auto [left_at, right_at] = std::ranges::mismatch(left, right);
  const auto begin = static_cast<size_t>(left_at - left.begin());
  size_t left_end = left.size();
  size_t right_end = right.size();
  while (left_end > begin && right_end > begin && left[left_end - 1] == right[right_end - 1]) {
    --left_end;
    --right_end;
  }
  std::string text;
  append(text, a_name, left, begin, left_end, most);
  append(text, b_name, right, begin, right_end, most);
  if (!text.empty()) text.pop_back();
  return text;
}

}  // namespace headrace::comm
