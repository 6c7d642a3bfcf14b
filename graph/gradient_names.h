#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace headrace {
class OperatorDef;
}

namespace headrace::graph {

/// Gives out the names of gradient blobs so that no operator of the backward pass overwrites a blob
/// that is still needed: neither one of the forward net nor the gradient of another value.
class GradientNames {
 public:
  /// `blobs`: all names of the forward net.
  explicit GradientNames(const std::vector<std::string>& blobs)
      : taken_(blobs.begin(), blobs.end()) {}

  /// A name nobody has: `base`, or `base` with a number.
  std::string fresh(const std::string& base);
  /// `base` where it is free, else a fresh name; held. A name of `operands`, gradients that the
  /// operator at hand reads, is not given out but kept in mind for reuse_in_place().
  std::string claim(const std::string& base, const std::vector<std::string>& operands);
  /// One more (one less) value has its gradient in that blob.
  void hold(const std::string& blob) { ++holders_[blob]; }
  void release(const std::string& blob);

  /// Marks a name as used by somebody else.
  void reserve(const std::string& blob) { taken_.insert(blob); }

  /// Makes the operators of one gradient function fit in: renames outputs it named itself where the
  /// name is taken, and lets operators write over a gradient they read where claim() had to give
  /// another name than asked for, the schema allows it and nobody reads that gradient afterwards.
  /// `claimed` are the names given out for these operators, `passed` the blobs that it handed on as
  /// gradients, `operands` the gradients it read.
  void fit(std::vector<OperatorDef>& ops, std::vector<std::string>& claimed,
           std::vector<std::string>& passed, const std::vector<std::string>& operands);

 private:
  void rename_scratch(std::vector<OperatorDef>& ops, const std::vector<std::string>& claimed,
                      std::vector<std::string>& passed);
  void reuse_in_place(std::vector<OperatorDef>& ops, std::string& name,
                      const std::vector<std::string>& passed,
                      const std::vector<std::string>& operands);
  bool is_held(const std::string& blob) const;

  std::set<std::string> taken_;
  std::set<std::string> own_;           // given out here, hence free again when nobody holds them
  std::map<std::string, int> holders_;  // values whose gradient, or part of it, is there
  std::map<std::string, std::string> asked_for_;  // name given out -> name in place
};

}  // namespace headrace::graph
