#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace headrace::comm {

/// What a store holds, and what its operations mean: the part that those in memory share. Not
/// thread safe.
class Table {
 public:
  void set(std::string_view key, std::string_view value);
  const std::string* find(std::string_view key) const;
  int64_t add(std::string_view key, int64_t amount);
  const std::string& set_if_absent(std::string_view key, std::string_view value);
  bool erase(std::string_view key);

  /// Bytes of all keys and values.
  size_t bytes() const { return bytes_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  size_t bytes_ = 0;
};

/// `text`, the value of `key` (empty: none), plus `amount`. Throws kTypeMismatch, see Store::add.
int64_t sum_of(std::string_view key, const std::optional<std::string_view>& text, int64_t amount);

}  // namespace headrace::comm
