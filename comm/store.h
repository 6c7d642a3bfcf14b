#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// What the processes of a job tell each other before they are connected: a map from keys to bytes
/// that all of them see.
namespace headrace::comm {

using Deadline = std::chrono::steady_clock::time_point;

/// `seconds` from now.
inline Deadline deadline_in(double seconds) {
  return std::chrono::steady_clock::now() +
         std::chrono::duration_cast<std::chrono::steady_clock::duration>(
             std::chrono::duration<double>(seconds));
}

/// A map from keys to values, shared by all ranks of a job. Each method is one atomic step, and any
/// thread may call it. What one rank was seen to have set, every rank sees from then on.
///
/// Everything has a deadline: waits the caller's, all else the store's own (StoreOptions::timeout).
/// Throws kTimeout when one passes, kUnavailable when the store cannot be reached or has gone,
/// kInvalidArgument for a key or value that is too long.
class Store {
 public:
  static constexpr size_t kMaxKey = 1024;           // bytes; a key is not empty
  static constexpr size_t kMaxValue = 16ull << 20;  // bytes; a value may be empty

  virtual ~Store() = default;

  /// The value of `key` is `value` from now on.
  void set(std::string_view key, std::string_view value);

  /// Its value, as soon as it has one. At the deadline throws kTimeout.
  std::string get(std::string_view key, Deadline deadline);

  /// The same; at the deadline nothing.
  std::optional<std::string> wait(std::string_view key, Deadline deadline);

  /// Its value, if it has one now.
  std::optional<std::string> try_get(std::string_view key);

  /// Adds to a number and returns the sum. A key without value counts as 0; the value is the
  /// decimal text, so that get() reads it. Throws kTypeMismatch if the value is another text or the
  /// sum does not fit.
  int64_t add(std::string_view key, int64_t amount);

  /// Gives `key` this value unless it has one, and returns the value that it has then. Of several
  /// callers one wins, and all learn whose value it is.
  std::string set_if_absent(std::string_view key, std::string_view value);

  /// Takes the value away; true if there was one.
  bool erase(std::string_view key);

  /// Which store this is, for messages: "tcp:10.0.0.1:29400".
  virtual std::string describe() const = 0;

 protected:
  // The same, for keys and values that are within the limits.
  virtual void do_set(std::string_view key, std::string_view value) = 0;
  virtual std::optional<std::string> do_wait(std::string_view key, Deadline deadline) = 0;
  virtual std::optional<std::string> do_try_get(std::string_view key) = 0;
  virtual int64_t do_add(std::string_view key, int64_t amount) = 0;
  virtual std::string do_set_if_absent(std::string_view key, std::string_view value) = 0;
  virtual bool do_erase(std::string_view key) = 0;
};

/// A store within this process, for ranks that are threads.
std::shared_ptr<Store> make_memory_store();

/// `store` seen through a prefix: key K here is PREFIX + K there. One job's epochs, the groups of
/// an epoch, and nets that share a store keep apart by it.
std::shared_ptr<Store> make_prefix_store(std::shared_ptr<Store> store, std::string prefix);

}  // namespace headrace::comm
