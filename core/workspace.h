#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/blob.h"

namespace headrace {

/// A named place that outlives runs: parameters, momentum, statistics, counters, and what nets
/// leave readable. Address-stable for the life of its Workspace.
struct Slot {
  explicit Slot(std::string name) : name(std::move(name)) {}

  const std::string name;
  Blob blob;
  /// Moves with every write; whoever keeps a derived copy (packed weights) compares it.
  std::atomic<uint64_t> version{0};

  /// Leases of running plans: any number of readers or one writer. try_* never block.
  bool try_lease_shared();
  bool try_lease_exclusive();
  void release_shared();
  void release_exclusive();

 private:
  std::atomic<int> leases_{0};  // -1: exclusive; n > 0: shared by n
};

/// All named state of a process or job. Looking up slots is thread-safe; their content is guarded
/// by leases.
class Workspace {
 public:
  Workspace() = default;
  /// A workspace inside another one, which outlives it: what the outer one holds, or has
  /// held, is seen and written as if it were its own; what is new stays inside.
  explicit Workspace(Workspace* outer) : outer_(outer) {}

  /// The slot of that name, made empty when there is none.
  Slot& slot(std::string_view name);
  /// Null when there is no such slot.
  Slot* find(std::string_view name) const;
  /// Names of all slots that hold something, those of the outer workspace included, sorted.
  std::vector<std::string> names() const;

  /// Replaces the content of a slot. Throws kState while a run holds a lease on it.
  void feed(std::string_view name, Blob blob);
  /// A copy in logical order on the CPU. Throws kNotFound with the nearest names.
  Tensor fetch(std::string_view name) const;
  /// Removes the content (kState while leased); true when there was any.
  bool remove(std::string_view name);

  /// Empties all slots of its own (kState while one is leased); those of the outer workspace stay.
  void clear();

  const Workspace* outer() const { return outer_; }
  /// Whether a name of its own is one of the outer workspace by now.
  bool hides_outer() const;

  /// A run that failed after it had begun to write state calls mark_torn; runs refuse to start
  /// until the state is loaded again and clear_torn() was called.
  void mark_torn(std::string reason);
  void clear_torn();
  /// Throws kState with the reason when torn.
  void check_whole() const;

 private:
  Slot* find_own(std::string_view name) const;

  Workspace* outer_ = nullptr;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Slot>, std::less<>> slots_;
  std::atomic<bool> torn_{false};
  std::string torn_reason_;
};

}  // namespace headrace
