#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace headrace {

/// How a collective is carried out, and why. Chosen when planning, from what all ranks know alike.
struct CollectiveChoice {
  std::string algorithm;  // "ring", "halving-doubling", ...: a name its Communicator knows
  size_t segment = 0;     // longest message in elements; 0: as the algorithm likes
  double seconds = 0;     // estimate
  std::string reason;     // for people: what it was compared with

  bool operator==(const CollectiveChoice&) const = default;
};

/// The place of a collective in a plan.
struct CollectivePlace {
  /// Its ticket: the index among the `count` collectives that one run has with this Communicator.
  int index = 0;
  int count = 1;
  CollectiveChoice choice;
};

/// A group of ranks that operators communicate in, as plans and runs see it: the handle of a common
/// world. Clones of a common world are one Communicator. Thread-safe.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// "4 ranks over tcp".
  virtual std::string describe() const = 0;

  /// The way to carry out an operator of that type (Allreduce, ...) on `count` elements of
  /// `element_bytes` each. Does not depend on the rank.
  virtual CollectiveChoice choose(std::string_view op_type, size_t count,
                                  size_t element_bytes) const = 0;

  /// Returns when all ranks have called it with the same text. Throws kInvalidNet, on every rank,
  /// with the lines that differ and the ranks that have them. `what` says what the text is.
  virtual void agree(const std::string& what, const std::string& text) = 0;

  /// Memory that collectives of a run will be in each time, so that ranks may reach each other's
  /// directly. Without influence on results. Nobody writes to it during these calls, and it is
  /// removed before it is freed.
  virtual void add_region(void* data, size_t bytes) = 0;
  virtual void remove_region(void* data) = 0;

  /// Ends everything that goes on here, on all ranks, as failed; nothing can begin after it.
  virtual void abort(const std::string& reason) noexcept = 0;
};

/// What messages call the handle.
inline constexpr const char* kCommonWorld = "common world";

}  // namespace headrace
