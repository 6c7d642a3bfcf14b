#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {
class NetDef;
}

namespace headrace::graph {

/// The values of a net: every write of a blob makes a new one, so that a name stands for a sequence
/// of values in the order of the file. Built once from a NetDef, which is not kept.
class NetValues {
 public:
  static constexpr int kNone = -1;

  struct Value {
    std::string name;
    int writer = kNone;        // position of the operator; kNone: it enters from outside
    std::vector<int> readers;  // positions, ascending, each once
  };

  explicit NetValues(const NetDef& net);

  int size() const { return static_cast<int>(values_.size()); }
  const Value& operator[](int id) const { return values_[id]; }

  /// Values of the operands of operator `position`.
  const std::vector<int>& inputs(int position) const { return inputs_[position]; }
  const std::vector<int>& outputs(int position) const { return outputs_[position]; }

  /// All values of a blob in order; empty when the net has no such blob.
  const std::vector<int>& of(std::string_view name) const;
  /// The value with which a blob leaves the net; kNone when there is no such blob.
  int last(std::string_view name) const;
  bool is_last(int id) const { return last(values_[id].name) == id; }

  /// All blob names, sorted.
  std::vector<std::string> names() const;

 private:
  int add(const std::string& name, int writer);

  std::vector<Value> values_;
  std::vector<std::vector<int>> inputs_;
  std::vector<std::vector<int>> outputs_;
  std::map<std::string, std::vector<int>, std::less<>> by_name_;
};

}  // namespace headrace::graph
