// Operators that add up over ranks.

#include <numeric>
#include <span>

#include "comm/operators/collective_kernel.h"
#include "comm/operators/operands.h"
#include "comm/schedule/schedule.h"
#include "core/error.h"
#include "core/registry.h"

namespace headrace::comm {
namespace {

class Sum : public CollectiveKernel {
 public:
  Sum(const PrepareContext& context, int tensors)
      : CollectiveKernel(context),
        tensors_(tensors),
        dtype_(context.inputs[1].dtype),
        count_(static_cast<size_t>(context.inputs[1].shape.numel())) {
    while (target_ < tensors && !context.wants(target_)) ++target_;
  }

  size_t scratch_bytes() const override { return sizeof(AfterCollective); }

  void start(OpContext& context, Completion done) const final {
    if (target_ < tensors_) return sum(context, done);
    // Nobody reads a sum, on any rank; the ticket has to be used all the same.
    start_collective(context, {.kind = Kind::kBarrier, .algorithm = Algorithm::kDirect}, done);
  }

 protected:
  virtual void sum(OpContext& context, Completion done) const = 0;

  size_t bytes() const { return count_ * size_of(dtype_); }

  /// The sum of this rank's tensors is in output `target_` then.
  Collective begin(OpContext& context, Kind kind) const {
    add_operands(context, target_, tensors_, dtype_, count_);
    return {.kind = kind, .dtype = dtype_, .data = context.output<void>(target_), .count = count_};
  }

  const int tensors_;
  const DType dtype_;
  const size_t count_;
  int target_ = 0;  // the first output that anybody reads
};

const RegisterOperator allreduce_schema(in_place_behind_world(
    collective_schema("Allreduce")
        .doc("Adds up all inputs of all ranks; every output of every rank is that sum, with the "
             "same bits.")
        .repeated_input("X", 1, "tensors alike, one per device of this rank")
        .repeated_output("Y", 1, "one for each X")
        .ignored_args({"gpu_direct"})
        .infer(types_of_alike)
        .cost(cost_of_collective),
    /*enforced=*/false));

class Allreduce final : public Sum {
 public:
  explicit Allreduce(const PrepareContext& context)
      : Sum(context, static_cast<int>(context.inputs.size()) - 1) {}

  void sum(OpContext& context, Completion done) const override {
    const Collective collective = begin(context, Kind::kAllreduce);
    if (tensors_ > 1) {
      done = AfterCollective::in_scratch(
          context,
          {.done = done, .result = target_, .bytes = bytes(), .outputs = context.outputs()});
    }
    start_collective(context, collective, done);
  }
};
const RegisterCpuKernel allreduce_cpu("Allreduce", prepare<Allreduce>);

const RegisterOperator reduce_schema(
    collective_schema("Reduce")
        .doc("Adds up the inputs of all ranks; the root's output is the sum. What the output of "
             "another rank holds is not defined.")
        .input("X")
        .output("Y")
        .inplace(1, 0)
        .arg("root", 0, "the rank that gets the sum")
        .infer(types_of_alike)
        .cost(cost_of_collective));

class Reduce final : public Sum {
 public:
  explicit Reduce(const PrepareContext& context) : Sum(context, 1), root_(root_of(context.args)) {}

  void sum(OpContext& context, Completion done) const override {
    Collective collective = begin(context, Kind::kReduce);
    collective.root = root_;
    start_collective(context, collective, done);
  }

 private:
  int root_;
};
const RegisterCpuKernel reduce_cpu("Reduce", prepare<Reduce>);

const RegisterOperator reduce_scatter_schema(in_place_behind_world(
    collective_schema("ReduceScatter")
        .doc("Adds up all inputs of all ranks, and gives rank r its part of the sum: counts[r] "
             "elements behind those of the ranks before it. They stand at the beginning of every "
             "output; the elements behind them are not defined.")
        .repeated_input("X", 2, "tensors alike; last the counts, int32, one per rank")
        .repeated_output("Y", 2, "in place")
        .ignored_args({"gpu_direct"})
        .infer([](const InferContext& context) {
          const int counts = static_cast<int>(context.inputs.size()) - 1;
          require_alike(context, counts);
          require(context.dtype(counts) == DType::kInt32 && context.shape(counts).rank() == 1,
                  ErrorCode::kTypeMismatch, "the counts are {}; expected int32, one per rank",
                  context.inputs[counts].to_string());
          return types_behind_world(context);
        })
        .cost(cost_of_collective),
    /*enforced=*/true));

class ReduceScatter final : public Sum {
 public:
  explicit ReduceScatter(const PrepareContext& context)
      : Sum(context, static_cast<int>(context.inputs.size()) - 2) {}

  void sum(OpContext& context, Completion done) const override {
    const int last = context.inputs() - 1;
    const std::span counts(context.input<int32_t>(last),
                           static_cast<size_t>(context.input_desc(last).shape.numel()));
    const World world = world_of(context);
    check(counts, world);
    const auto before = counts.first(static_cast<size_t>(world.rank));
    const size_t first = std::accumulate(before.begin(), before.end(), size_t{0});
    // Parts of other sizes than the group's own are cut out of the whole sum.
    const Kind kind = are_even(counts) ? Kind::kReduceScatter : Kind::kAllreduce;
    const size_t mine = static_cast<size_t>(counts[static_cast<size_t>(world.rank)]);
    start_collective(context, begin(context, kind),
                     AfterCollective::in_scratch(context, {.done = done,
                                                           .result = target_,
                                                           .from = first * size_of(dtype_),
                                                           .bytes = mine * size_of(dtype_),
                                                           .outputs = tensors_}));
  }

 private:
  static World world_of(OpContext& context) {
    const std::shared_ptr<CommonWorld> world = world_in(context.input_blob(0));
    return {.rank = world->rank(), .size = world->size()};
  }

  void check(std::span<const int32_t> counts, const World& world) const {
    require(static_cast<int>(counts.size()) == world.size, ErrorCode::kShapeMismatch,
            "there are {} counts for {} ranks", counts.size(), world.size);
    size_t sum = 0;
    for (const int32_t count : counts) {
      require(count >= 0, ErrorCode::kInvalidArgument, "a part has {} elements", count);
      sum += static_cast<size_t>(count);
    }
    require(sum == count_, ErrorCode::kShapeMismatch, "the counts add up to {} of {} elements", sum,
            count_);
  }

  bool are_even(std::span<const int32_t> counts) const {
    for (size_t rank = 0; rank < counts.size(); ++rank) {
      const Range even = part({0, count_}, counts.size(), rank);
      if (even.count != static_cast<size_t>(counts[rank])) return false;
    }
    return true;
  }
};
const RegisterCpuKernel reduce_scatter_cpu("ReduceScatter", prepare<ReduceScatter>);

}  // namespace
}  // namespace headrace::comm
