#include "comm/store.h"

#include "core/error.h"

namespace headrace::comm {
namespace {

void check_key(std::string_view key) {
  require(!key.empty() && key.size() <= Store::kMaxKey, ErrorCode::kInvalidArgument,
          "the key of a store has 1 to {} bytes, this one has {}", Store::kMaxKey, key.size());
}

void check_value(std::string_view key, std::string_view value) {
  require(value.size() <= Store::kMaxValue, ErrorCode::kInvalidArgument,
          "the value of '{}' has {} bytes; a store takes up to {}", key, value.size(),
          Store::kMaxValue);
}

}  // namespace

void Store::set(std::string_view key, std::string_view value) {
  check_key(key);
  check_value(key, value);
  do_set(key, value);
}

std::string Store::get(std::string_view key, Deadline deadline) {
  auto value = wait(key, deadline);
  require(value.has_value(), ErrorCode::kTimeout,
          "nobody set '{}' in the store {} before the deadline; the rank that should have done so "
          "has not started, has failed, or uses another store",
          key, describe());
  return std::move(*value);
}

std::optional<std::string> Store::wait(std::string_view key, Deadline deadline) {
  check_key(key);
  return do_wait(key, deadline);
}

std::optional<std::string> Store::try_get(std::string_view key) {
  check_key(key);
  return do_try_get(key);
}

int64_t Store::add(std::string_view key, int64_t amount) {
  check_key(key);
  return do_add(key, amount);
}

std::string Store::set_if_absent(std::string_view key, std::string_view value) {
  check_key(key);
  check_value(key, value);
  return do_set_if_absent(key, value);
}

bool Store::erase(std::string_view key) {
  check_key(key);
  return do_erase(key);
}

}  // namespace headrace::comm
