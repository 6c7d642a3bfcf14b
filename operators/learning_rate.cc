#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/learning_rate_policy.h"

namespace headrace {
namespace {

/// The rate of an iteration, and what a momentum buffer that holds rates is multiplied by.
class LearningRate {
 public:
  explicit LearningRate(const Args& args)
      : base_(args.real("base_lr")),
        threshold_(args.real("ratio_threshold")),
        policy_(learning_rate_policy(args)) {
    require(threshold_ >= 1, ErrorCode::kInvalidArgument,
            "ratio_threshold must be at least 1, found {}", threshold_);
  }

  double rate(int64_t iteration) const { return base_ * policy_(iteration); }

  /// The rate over that of the iteration before. 1 in iteration 0, after a rate of 0, and for
  /// changes by a factor of at most the threshold.
  double ratio(int64_t iteration) const {
    if (iteration == 0) return 1;
    double before = rate(iteration - 1);
    if (before == 0) return 1;
    double ratio = rate(iteration) / before;
    double change = ratio == 0 ? INFINITY : std::max(std::abs(ratio), 1 / std::abs(ratio));
    return threshold_ > 1 && change <= threshold_ ? 1 : ratio;
  }

 private:
  double base_;
  double threshold_;
  LearningRatePolicy policy_;
};

OpSchema learning_rate_schema() {
  OpSchema schema("LearningRate");
  schema
      .doc(
          "base_lr times what the policy says for the iteration. The second output is the rate "
          "over that of the iteration before, for momentum buffers that hold rates (momentum "
          "correction, Goyal et al. 2017, section 3). Both are functions of the iteration alone.")
      .differs(
          "the output `ratio`, the gradual warm-up whose milestones are given in epochs and "
          "the policies `poly` and `cosine` in epochs are additions: exact momentum correction "
          "and the large-minibatch recipe need them.")
      .differs(
          "arguments that a policy needs and a division by a stepsize of 0 are errors when the "
          "net is compiled; Caffe2 dies with SIGFPE or computes with garbage.")
      .differs(
          "the policy `poly` is an error after `max_iter`; Caffe2 goes on with (1 - iteration / "
          "max_iter) ^ power, which grows again or is NaN.")
      .input("iteration", "int64, one element, not negative")
      .output("rate", "a float32 scalar")
      .optional_output("ratio", "a float32 scalar")
      .on_host()
      .required_arg("base_lr", ArgKind::kFloat)
      .arg("ratio_threshold", 1.0f,
           "the ratio is 1 while the rate changes by a factor of at most this; 1: always exact")
      .infer([](const InferContext& context) {
        require_type(context, 0, Types<int64_t>{});
        require_single(context, 0);
        LearningRate check(context.args);
        TensorType scalar{DType::kFloat32, Shape{}};
        return std::vector<TensorType>{scalar, scalar};
      })
      .no_gradient();
  declare_learning_rate_policies(schema);
  return schema;
}

const RegisterOperator learning_rate(learning_rate_schema());

const RegisterCpuKernel learning_rate_cpu("LearningRate", [](const PrepareContext& prepare) {
  return make_kernel([schedule = LearningRate(prepare.args)](OpContext& context) {
    int64_t iteration = *context.input<int64_t>(0);
    require(iteration >= 0, ErrorCode::kInvalidArgument, "iteration {} is negative", iteration);
    if (auto* rate = context.output<float>(0)) {
      *rate = static_cast<float>(schedule.rate(iteration));
    }
    if (context.outputs() < 2) return;
    if (auto* ratio = context.output<float>(1)) {
      *ratio = static_cast<float>(schedule.ratio(iteration));
    }
  });
});

}  // namespace
}  // namespace headrace
