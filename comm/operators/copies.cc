// Operators that copy from rank to rank.

#include <cstring>

#include "comm/operators/collective_kernel.h"
#include "comm/operators/operands.h"
#include "core/error.h"
#include "core/registry.h"

namespace headrace::comm {
namespace {

const RegisterOperator broadcast_schema(
    in_place_behind_world(collective_schema("Broadcast")
                              .doc("Every tensor of every rank becomes the first one of the root.")
                              .repeated_input("X", 1, "tensors alike, one per device of this rank")
                              .repeated_output("X", 1, "in place")
                              .arg("root", 0, "the rank to copy from")
                              .ignored_args({"gpu_direct"})
                              .infer(types_of_alike)
                              .cost(cost_of_collective),
                          /*enforced=*/true));

class Broadcast final : public CollectiveKernel {
 public:
  explicit Broadcast(const PrepareContext& context)
      : CollectiveKernel(context),
        root_(root_of(context.args)),
        dtype_(context.inputs[1].dtype),
        count_(static_cast<size_t>(context.inputs[1].shape.numel())) {
    require(context.wants(0), ErrorCode::kUnsupported,
            "the first output of Broadcast has to be read, because it is what is sent");
  }

  size_t scratch_bytes() const override { return sizeof(AfterCollective); }

  void start(OpContext& context, Completion done) const override {
    copy_operand(context, 0, count_ * size_of(dtype_));
    if (context.outputs() > 1) {
      done = AfterCollective::in_scratch(
          context, {.done = done, .bytes = count_ * size_of(dtype_), .outputs = context.outputs()});
    }
    start_collective(context,
                     {.kind = Kind::kBroadcast,
                      .dtype = dtype_,
                      .root = root_,
                      .data = context.output<void>(0),
                      .count = count_},
                     done);
  }

 private:
  int root_;
  DType dtype_;
  size_t count_;
};
const RegisterCpuKernel broadcast_cpu("Broadcast", prepare<Broadcast>);

const RegisterOperator allgather_schema(
    collective_schema("Allgather")
        .doc("The inputs of all ranks one after the other, rank 0's first, as one vector.")
        .repeated_input("X", 1, "tensors alike")
        .output("Y", "[ranks * tensors * elements]")
        .infer([](const InferContext& context) {
          require_alike(context, static_cast<int>(context.inputs.size()));
          return std::vector<TensorType>{{.dtype = context.dtype(1)}};
        }));

class Allgather final : public CollectiveKernel {
 public:
  explicit Allgather(const PrepareContext& context)
      : CollectiveKernel(context),
        dtype_(context.inputs[1].dtype),
        count_(static_cast<size_t>(context.inputs[1].shape.numel())) {}

  void start(OpContext& context, Completion done) const override {
    const std::shared_ptr<CommonWorld> world = world_in(context.input_blob(0));
    const auto tensors = static_cast<size_t>(context.inputs() - 1);
    const size_t total = static_cast<size_t>(world->size()) * tensors * count_;
    Tensor all({static_cast<int64_t>(total)}, dtype_);
    const size_t bytes = count_ * size_of(dtype_);
    char* mine =
        static_cast<char*>(all.raw()) + static_cast<size_t>(world->rank()) * tensors * bytes;
    for (size_t i = 0; i < tensors; ++i) {
      std::memcpy(mine + i * bytes, context.input<char>(static_cast<int>(i) + 1), bytes);
    }
    // The blob owns the memory until the next run.
    context.output_blob(0) = std::move(all);
    start_collective(context,
                     {.kind = Kind::kAllgather,
                      .dtype = dtype_,
                      .data = context.output_blob(0).tensor().raw(),
                      .count = total},
                     done);
  }

 private:
  DType dtype_;
  size_t count_;
};
const RegisterCpuKernel allgather_cpu("Allgather", prepare<Allgather>);

}  // namespace
}  // namespace headrace::comm
