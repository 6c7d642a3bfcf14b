#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/args.h"
#include "core/blob.h"
#include "core/completion.h"
#include "core/device.h"
#include "core/op_schema.h"
#include "core/rng.h"
#include "core/stream.h"
#include "core/tensor.h"

namespace headrace {

class Workspace;
struct CollectivePlace;

/// What a kernel is made for. Operands that are handles have a default TensorDesc. The definition
/// behind `args` outlives the kernel, which may keep views of its lists; the rest does not.
struct PrepareContext {
  const OpSchema& schema;
  const Args& args;
  std::span<const TensorDesc> inputs;
  std::span<const TensorDesc> outputs;
  /// Bit i: somebody reads output i. Outputs nobody reads have no storage and must not be written;
  /// their TensorDesc is a default one.
  uint64_t wanted = ~uint64_t{0};
  /// Parts the work is cut into. Fixed here, because the order of a reduction depends on it.
  int width = 1;
  Device device;

  bool wants(int output) const {
    return output < static_cast<int>(outputs.size()) && (wanted >> output & 1) != 0;
  }
};

/// One operand at run time. `data` is null for handles and for outputs nobody reads.
struct Operand {
  void* data = nullptr;
  const TensorDesc* desc = nullptr;
  Blob* blob =
      nullptr;  // handles; tensors whose shape only the kernel knows; slots of Save and Free
};

/// What changes from step to step, the same for all operators of a run.
struct StepState {
  uint64_t step = 0;
  uint64_t seed = 0;
  Workspace* workspace = nullptr;
};

/// What a kernel sees when it runs: addresses, scratch and the step. Lives in the Run, one per
/// node.
class OpContext {
 public:
  OpContext() = default;
  OpContext(std::span<Operand> inputs, std::span<Operand> outputs, const StepState* step)
      : inputs_(inputs), outputs_(outputs), step_(step) {}

  int inputs() const { return static_cast<int>(inputs_.size()); }
  int outputs() const { return static_cast<int>(outputs_.size()); }

  template <typename T>
  const T* input(int i) const {
    return static_cast<const T*>(inputs_[i].data);
  }
  /// Null when nobody reads the output.
  template <typename T>
  T* output(int i) const {
    return static_cast<T*>(outputs_[i].data);
  }
  const TensorDesc& input_desc(int i) const { return *inputs_[i].desc; }
  const TensorDesc& output_desc(int i) const { return *outputs_[i].desc; }

  /// The blob behind a handle operand, or behind an output of unknown shape.
  Blob& input_blob(int i) const { return *inputs_[i].blob; }
  Blob& output_blob(int i) const { return *outputs_[i].blob; }

  /// Kernel::scratch_bytes() bytes, aligned, this node's alone while it runs.
  void* scratch = nullptr;
  /// The repacked operand, see Kernel::packed_input(); null when it has to be read as it is.
  const void* packed = nullptr;
  Stream stream;
  /// Names this operator in random streams.
  uint64_t random_key = 0;
  /// Of a collective: its place in the plan. Null outside a plan.
  const CollectivePlace* collective = nullptr;

  Rng rng() const { return Rng(step_->seed, random_key, step_->step); }
  uint64_t step() const { return step_->step; }
  Workspace* workspace() const { return step_->workspace; }

 private:
  std::span<Operand> inputs_;
  std::span<Operand> outputs_;
  const StepState* step_ = nullptr;
};

/// An operator prepared for one set of shapes. Immutable and shared by all runs: whatever survives
/// a step is a blob, whatever does not is scratch.
class Kernel {
 public:
  virtual ~Kernel() = default;

  /// Computes. Neither allocates, nor synchronises, nor (on a GPU) reads device results.
  virtual void launch(OpContext& context) const = 0;

  virtual size_t scratch_bytes() const { return 0; }

  /// The elements of output 0 where they stand in the arguments as they are; a plan that runs once
  /// makes the output of them, and launch() has nothing to copy then. Null otherwise.
  virtual const void* given() const { return nullptr; }

  /// Weights that do not change during a run can be handed over repacked, once per version: the
  /// input that this kernel would repack at each launch (-1: none), the bytes it needs, and the
  /// repacking itself (context.packed is null, target has packed_bytes()).
  virtual int packed_input() const { return -1; }
  virtual size_t packed_bytes() const { return 0; }
  virtual void pack(const void* /*input*/, void* /*target*/) const {}
};

/// A kernel whose work goes on after the call (device queues, collectives, input readers).
class AsyncKernel : public Kernel {
 public:
  /// Starts and waits: for threads that have nothing else to do, never a compute thread.
  void launch(OpContext& context) const final;
  virtual void start(OpContext& context, Completion done) const = 0;
  /// The run has failed or was cancelled, perhaps before this node was started: whoever waits for
  /// it, here or on another rank, shall not wait any longer. From any thread.
  virtual void abort(OpContext& /*context*/, const std::string& /*reason*/) const noexcept {}
};

/// Wraps a callable void(OpContext&) as a Kernel.
template <typename F>
std::unique_ptr<Kernel> make_kernel(F function, size_t scratch_bytes = 0) {
  struct Function final : Kernel {
    Function(F f, size_t scratch) : f(std::move(f)), scratch(scratch) {}
    void launch(OpContext& context) const override { f(context); }
    size_t scratch_bytes() const override { return scratch; }
    F f;
    size_t scratch;
  };
  return std::make_unique<Function>(std::move(function), scratch_bytes);
}

using PrepareFn = std::unique_ptr<Kernel> (*)(const PrepareContext&);

}  // namespace headrace
