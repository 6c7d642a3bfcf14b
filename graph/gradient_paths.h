#pragma once

#include <span>
#include <string>
#include <vector>

namespace headrace {
class NetDef;
}

namespace headrace::graph {
class NetValues;

/// Which operators and values of a net lie between the values whose gradients are wanted and the
/// roots of the backward pass. Operators that stop gradients cut a path. Borrows net and values.
class GradientPaths {
 public:
  /// `wanted` empty: every value.
  GradientPaths(const NetDef& net, const NetValues& values, const std::vector<int>& roots,
                const std::vector<int>& wanted);

  /// Whether the operator has to be differentiated.
  bool is_active(int position) const { return active_[position]; }
  bool from_wanted(int value) const { return from_wanted_[value]; }
  /// The gradient of a value is complete once this operator has been differentiated; kNone: none.
  int first_active_reader(int value) const;

  /// Throws kInvalidNet that lists all active operators without gradient, each with its path.
  void check_differentiable() const;
  /// Throws kInvalidNet that says why a wanted value has no gradient.
  [[noreturn]] void fail_unreached(int value) const;

 private:
  bool stops(int position) const;
  /// Values and operators on a shortest way between the sets, as text; empty when there is none.
  /// `stopper` gets the first operator on it that stops gradients.
  std::string way(std::span<const int> from, std::span<const int> to, bool through_stops,
                  int* stopper = nullptr) const;
  std::string describe(int position) const;

  const NetDef& net_;
  const NetValues& values_;
  const std::vector<int>& roots_;
  const std::vector<int>& wanted_;
  std::vector<bool> from_wanted_;
  std::vector<bool> active_;
};

}  // namespace headrace::graph
