#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernel.h"
#include "core/workspace.h"
#include "graph/plan.h"

namespace headrace {

/// The memory of one Run: arena, outputs, operand tables, and its ties to the workspace. Not
/// thread-safe but for what nodes of one execution touch: each its own operands.
class RunState {
 public:
  /// Without `publish` outputs stay with this object, and their slots are left alone.
  RunState(const Plan& plan, Workspace& workspace, bool publish);

  /// One context per node, pointing into this object's operand tables and to its step.
  std::vector<OpContext> make_contexts(std::span<const StepState> steps);

  /// Leases on all slots that the plan reads (shared) or writes (exclusive), held for one
  /// execution. Throws kState naming the slot that another run holds.
  class Leases {
   public:
    explicit Leases(RunState& state);
    ~Leases();
    Leases(const Leases&) = delete;
    Leases& operator=(const Leases&) = delete;

   private:
    void release(size_t count);
    RunState& state_;
  };

  void set_input(std::string_view name, Tensor tensor);
  /// Points the operands at what the inputs hold now, on the devices where the plan wants them.
  /// Throws one Error listing every input that is missing or is not what the plan was compiled for.
  void bind();
  /// Repacks weights whose slot has changed since the last time.
  void refresh_packed(std::vector<OpContext>& contexts);
  /// Waits for all streams. Returns the first error of a device, null when there is none.
  std::exception_ptr drain() noexcept;
  /// Ends a successful execution: versions of state move on, outputs go to their slots.
  void finish();

  Tensor output(std::string_view name) const;

  /// A view of a value as it stands now; undefined when it holds nothing yet.
  Tensor view(graph::ValueId id) const;
  /// The handle that a value stands for.
  const Blob& handle(graph::ValueId id) const { return *values_[id].blob; }
  /// Puts down a value whose shape only the run knows.
  void place_dynamic(graph::ValueId id, Tensor tensor);
  /// Before a kernel that alone knows the shape of its output.
  void forget_dynamic(graph::ValueId id);
  /// Takes over what a kernel has left in the blob of a value of unknown shape.
  void adopt_dynamic(graph::ValueId id);
  /// Copies the operands of a node's inputs and outputs again (their addresses have changed).
  void refresh_operands(int node);
  /// "'x' float32 2x3" for each input of a node.
  std::vector<std::string> describe_inputs(int node) const;

 private:
  struct Input {
    Slot* slot = nullptr;
    Tensor override;  // set_input
    uint64_t override_version = 0;
    Tensor staged;  // a copy on the device that reads it, when what it holds is on another
    uint64_t staged_version = 0;
    const void* staged_from = nullptr;
    const void* bound = nullptr;
    std::vector<Operand*> operands;  // everything that holds the address
    std::vector<graph::ValueId> values;
  };
  struct Output {
    std::string name;
    Slot* slot = nullptr;  // null: not published
    graph::ValueId value = graph::kNone;
    /// The net reads the name too. The slot gets a copy then: the next run reads it while it writes
    /// the value again, and no dependency orders the two.
    bool read = false;
  };
  struct Lease {
    Slot* slot;
    bool exclusive;
  };
  struct Packed {
    int node;
    int input;
    uint64_t version = ~uint64_t{0};
    const void* source = nullptr;
    std::shared_ptr<Buffer> buffer;
  };
  /// Tells the groups of ranks that sum the buckets where these are, until it goes.
  class SharedBuckets {
   public:
    SharedBuckets() = default;
    ~SharedBuckets();
    SharedBuckets(const SharedBuckets&) = delete;
    SharedBuckets& operator=(const SharedBuckets&) = delete;
    void share(const Plan& plan, void* data);

   private:
    void* data_ = nullptr;
    std::vector<std::shared_ptr<Communicator>> groups_;
  };

  void place_values();
  /// Memory of the run: of the host, where devices reach it if the plan has any, or of a device.
  std::shared_ptr<Buffer> allocate_for_run(size_t bytes, Device device) const;
  void point_at(Input& input, const void* address);
  /// What an input holds, on the device where the plan wants it.
  const Tensor& brought(Input& input, Tensor& held, const graph::Interface::Input& declared);
  std::shared_ptr<Buffer> given_buffer(graph::ValueId id) const;

  const Plan& plan_;
  std::vector<std::shared_ptr<Buffer>> arenas_;  // as plan.storage.arenas
  std::vector<StreamOwner> streams_;             // likewise; the CPU's does nothing
  SharedBuckets shared_buckets_;                 // behind the arenas: it goes before its memory
  std::vector<Operand> values_;                  // per value
  std::vector<TensorDesc> dynamic_descs_;        // per value, of those in the run's pool
  std::vector<Tensor> tensors_;                  // per value: owners of outputs and pool values
  std::vector<std::unique_ptr<Blob>> blobs_;     // of handles and values of unknown shape
  std::vector<Operand> operands_;                // of all nodes, inputs then outputs
  std::vector<size_t> first_operand_;            // per node
  std::vector<Input> inputs_;                    // as plan.interface.inputs
  std::vector<Output> outputs_;
  std::vector<Lease> leases_;
  std::vector<Packed> packed_;
};

}  // namespace headrace
