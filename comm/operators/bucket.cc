// The plan operator that adds up a bucket of tensors over ranks.

#include <vector>

#include "comm/operators/collective_kernel.h"
#include "comm/operators/operands.h"
#include "core/allocator.h"
#include "core/error.h"
#include "core/registry.h"

namespace headrace::comm {
namespace {

const RegisterOperator bucket_schema(collective_schema("AllreduceBucket")
                                         .doc("Allreduce of neighbours in memory, as one.")
                                         .repeated_input("X", 1)
                                         .repeated_output("Y", 1)
                                         .plan_only()
                                         .infer(types_behind_world)
                                         .cost(cost_of_collective));

class Bucket final : public CollectiveKernel {
 public:
  explicit Bucket(const PrepareContext& context)
      : CollectiveKernel(context), dtype_(context.inputs[1].dtype) {
    size_t end = 0;
    for (size_t i = 1; i < context.inputs.size(); ++i) {
      offsets_.push_back(end);
      end += align_up(context.inputs[i].bytes());
    }
    count_ = end / size_of(dtype_);
  }

  void start(OpContext& context, Completion done) const override {
    char* begin = const_cast<char*>(context.input<char>(1));
    for (size_t i = 0; i < offsets_.size(); ++i) {
      const int operand = static_cast<int>(i);
      const char* sum = context.output<char>(operand);
      require(context.input<char>(operand + 1) == begin + offsets_[i] &&
                  (sum == nullptr || sum == begin + offsets_[i]),
              ErrorCode::kInternal, "tensor {} of a bucket is not in its place", i);
    }
    start_collective(
        context, {.kind = Kind::kAllreduce, .dtype = dtype_, .data = begin, .count = count_}, done);
  }

 private:
  DType dtype_;
  size_t count_ = 0;
  std::vector<size_t> offsets_;
};
const RegisterCpuKernel bucket_cpu("AllreduceBucket", prepare<Bucket>);

}  // namespace
}  // namespace headrace::comm
