#include "comm/store/table.h"

#include <charconv>

#include "core/error.h"

namespace headrace::comm {

int64_t sum_of(std::string_view key, const std::optional<std::string_view>& text, int64_t amount) {
  int64_t number = 0;
  if (text) {
    const char* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, number);
    require(error == std::errc() && stop == end, ErrorCode::kTypeMismatch,
            "'{}' cannot be added to: its value is no number but '{}'", key, text->substr(0, 40));
  }
  int64_t sum = 0;
  require(!__builtin_add_overflow(number, amount, &sum), ErrorCode::kTypeMismatch,
          "'{}' is {}; adding {} does not fit 64 bits", key, number, amount);
  return sum;
}

void Table::set(std::string_view key, std::string_view value) {
  const auto [place, inserted] = values_.try_emplace(std::string(key));
  bytes_ += inserted ? key.size() : 0;
  bytes_ += value.size();
  bytes_ -= place->second.size();
  place->second = value;
}

const std::string* Table::find(std::string_view key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

int64_t Table::add(std::string_view key, int64_t amount) {
  const std::string* text = find(key);
  const int64_t sum =
      sum_of(key, text ? std::optional<std::string_view>(*text) : std::nullopt, amount);
  set(key, std::to_string(sum));
  return sum;
}

const std::string& Table::set_if_absent(std::string_view key, std::string_view value) {
  if (find(key) == nullptr) set(key, value);
  return *find(key);
}

bool Table::erase(std::string_view key) {
  const auto found = values_.find(key);
  if (found == values_.end()) return false;
  bytes_ -= found->first.size() + found->second.size();
  values_.erase(found);
  return true;
}

}  // namespace headrace::comm
