#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "comm/common_world.h"
#include "core/kernel.h"

namespace headrace::comm {

/// What the kernels of collective operators share: input 0 is the common world, errors on other
/// ranks and in messages name the operator, and a run that fails ends the world.
class CollectiveKernel : public AsyncKernel {
 public:
  explicit CollectiveKernel(const PrepareContext& context);

  void abort(OpContext& context, const std::string& reason) const noexcept override;

 protected:
  /// Fills in name and step, and starts at the place that the plan says.
  void start_collective(OpContext& context, Collective collective, Completion done) const;

  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

/// The PrepareFn of a class of kernels.
template <typename K>
std::unique_ptr<Kernel> prepare(const PrepareContext& context) {
  return std::make_unique<K>(context);
}

/// What is done with the result once it is there: copies it from one output to the others
/// (the devices of this rank), perhaps a part of it only. On the thread that completes, so for
/// little; lives in the scratch memory of its node, because a step allocates nothing.
struct AfterCollective {
  Completion done;
  OpContext* context = nullptr;
  int result = 0;    // the output that has it
  size_t from = 0;   // offset there, in bytes
  size_t bytes = 0;  // to the beginning of each output
  int outputs = 0;

  /// Makes one in the scratch memory of `context`; returns what to give to the collective.
  static Completion in_scratch(OpContext& context, const AfterCollective& after);
};

/// Copies input i + 1 to output i, where it is not there already.
void copy_operand(OpContext& context, int i, size_t bytes);

/// Adds up inputs 1, 2, ... in output `target`, which may be in place of input target + 1.
void add_operands(OpContext& context, int target, int tensors, DType dtype, size_t count);

}  // namespace headrace::comm
