#include "tests/operators/sample.h"

namespace headrace::testing {
namespace {

// clang-format off
using Args = std::vector<SampleArg>;

void add(std::vector<Sample>& samples, const std::string& policy, const std::string& name, Args args,
         std::initializer_list<int64_t> iterations, float base = 0.4f) {
  args.insert(args.begin(), {{"policy", policy}, {"base_lr", base}});
  for (int64_t iteration : iterations) {
    samples.push_back({.name = policy + name + " @" + std::to_string(iteration), .args = args,
                       .inputs = {values<int64_t>({1}, {iteration})}, .tolerance = 2e-6});
  }
}

/// Every policy at its corners: the first iterations, either side of a boundary, far out.
std::vector<Sample> policies() {
  std::vector<Sample> s;
  add(s, "fixed", "", {}, {0, 1, 1000}, -0.1f);
  add(s, "step", "", {{"stepsize", 3}, {"gamma", 0.5f}}, {0, 1, 2, 3, 5, 6, 9, 100});
  add(s, "exp", "", {{"gamma", 0.9f}}, {0, 1, 2, 50});
  add(s, "gate", "", {{"multiplier_1", 0.25f}, {"multiplier_2", 2.0f}, {"num_iter", 4}}, {0, 3, 4, 5, 90});
  add(s, "gate", " default", {}, {0, 1});
  add(s, "inv", "", {{"gamma", 0.1f}, {"power", 0.75f}}, {0, 1, 10, 1000});
  add(s, "poly", "", {{"power", 2.0f}, {"max_iter", 10}}, {0, 1, 5, 9, 10});
  add(s, "poly", " root", {{"power", 0.5f}, {"max_iter", 10}}, {0, 1, 5, 9, 10});
  add(s, "linearWarmup", "", {{"start_multiplier", 0.1f}, {"num_iter", 5}}, {0, 1, 4, 5, 6, 100});
  add(s, "linearWarmup", " default", {}, {0, 1, 2});
  add(s, "constantWarmup", "", {{"multiplier", 0.1f}, {"num_iter", 5}}, {0, 1, 4, 5, 6});
  add(s, "constantWarmup", " default", {{"num_iter", 2}}, {0, 1, 2});
  add(s, "pieceWarmup", "", {{"m1", 0.1f}, {"n1", 3}, {"m2", 0.2f}, {"n2", 5}, {"m3", 0.7f}}, {0, 2, 3, 4, 5, 6, 8, 9});
  add(s, "pieceWarmup", " default", {}, {0, 1});
  add(s, "alter", "", {{"active_period", 2}, {"inactive_period", 3}}, {0, 1, 2, 4, 5, 7});
  add(s, "alter", " inactive first", {{"active_period", 2}, {"inactive_period", 3}, {"active_first", 0}}, {0, 1, 2, 3, 4, 5, 8});
  add(s, "hill", "", {{"num_iter", 4}, {"start_multiplier", 0.2f}, {"gamma", 0.5f}, {"power", 1.5f}, {"end_multiplier", 0.15f}}, {0, 1, 3, 4, 5, 8, 100});
  add(s, "slope", "", {{"num_iter_1", 3}, {"multiplier_1", 1.0f}, {"num_iter_2", 7}, {"multiplier_2", 0.2f}}, {0, 2, 3, 4, 6, 7, 8, 100});
  add(s, "slope", " up", {{"num_iter_1", 3}, {"multiplier_1", 0.2f}, {"num_iter_2", 7}, {"multiplier_2", 1.0f}}, {2, 3, 5, 7, 9});
  add(s, "cyclical", "", {{"max_lr", 1.0f}, {"stepsize", 4}, {"decay", 0.5f}}, {0, 1, 3, 4, 5, 7, 8, 9, 12, 17, 100});
  add(s, "cyclical", " default", {{"stepsize", 3}}, {0, 1, 3, 5, 6}, -0.001f);
  add(s, "cosine", "", {{"max_lr", 0.8f}, {"min_lr", 0.2f}, {"period", 5}, {"t_mult", 2.0f}, {"lr_shrink", 0.5f}}, {0, 1, 2, 4, 6, 10, 14, 17, 34, 36});
  add(s, "cosine", " even periods", {{"period", 4}}, {0, 1, 3, 4, 5, 9, 100});
  add(s, "cosine", " default", {}, {0, 1, 25, 49, 50, 75});
  add(s, "constantThenLinearWarmup", "", {{"start_warmup_multiplier", 0.2f}, {"constant_warmup_num_iter", 3}, {"linear_warmup_num_iter", 4}}, {0, 2, 3, 4, 6, 7, 8, 50});
  add(s, "constantThenLinearWarmup", " default", {}, {0, 10000000, 15000000, 20000000});
  add(s, "compositeCyclical", "", {{"start_warmup_multiplier", 0.2f}, {"constant_warmup_num_iter", 2}, {"linear_warmup_num_iter", 3},
                                   {"cyclical_max_lr", 1.0f}, {"cyclical_step_size", 3}, {"cyclical_decay", 0.5f}}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 20});
  add(s, "compositeCosine", "", {{"start_warmup_multiplier", 0.2f}, {"constant_warmup_num_iter", 2}, {"linear_warmup_num_iter", 3},
                                 {"cosine_max_lr", 0.9f}, {"cosine_min_lr", 0.3f}, {"cosine_period", 4}, {"cosine_t_mult", 1.5f}, {"cosine_lr_shrink", 0.5f}}, {0, 1, 2, 4, 5, 6, 8, 10, 20});
  add(s, "composite", "", {{"sub_policy_num_iters", ints({3, 4, 100})},
                           {"sub_policy_0_policy", "linearWarmup"}, {"sub_policy_0_start_multiplier", 0.1f}, {"sub_policy_0_num_iter", 3},
                           {"sub_policy_1_policy", "fixed"}, {"sub_policy_1_lr_scale", 0.7f},
                           {"sub_policy_2_policy", "step"}, {"sub_policy_2_stepsize", 5}, {"sub_policy_2_gamma", 0.5f}, {"sub_policy_2_lr_scale", 2.0f}},
      {1, 2, 3, 4, 6, 7, 8, 9, 10, 107});
  return s;
}
const OperatorSamples learning_rate("LearningRate", policies());

ErrorSample refused(const char* name, Args args, const char* says, ErrorCode code = ErrorCode::kInvalidArgument) {
  return {.name = name, .args = std::move(args), .inputs = {values<int64_t>({1}, {20})}, .code = code, .says = says};
}
const OperatorErrors learning_rate_errors("LearningRate", {
    refused("unknown policy", {{"policy", "stepp"}, {"base_lr", 1.0f}}, "did you mean 'step'"),
    refused("no policy", {{"base_lr", 1.0f}}, "missing argument 'policy'", ErrorCode::kInvalidNet),
    refused("no rate", {{"policy", "fixed"}}, "missing argument 'base_lr'", ErrorCode::kInvalidNet),
    refused("integer rate", {{"policy", "fixed"}, {"base_lr", 1}}, "'f'", ErrorCode::kInvalidNet),
    refused("step without size", {{"policy", "step"}, {"base_lr", 1.0f}, {"gamma", 0.1f}}, "needs the argument 'stepsize'"),
    refused("step of size 0", {{"policy", "step"}, {"base_lr", 1.0f}, {"gamma", 0.1f}, {"stepsize", 0}}, "positive"),
    refused("poly past its end", {{"policy", "poly"}, {"base_lr", 1.0f}, {"power", 1.0f}, {"max_iter", 10}}, "ends at max_iter 10", ErrorCode::kState),
    refused("negative length", {{"policy", "gate"}, {"base_lr", 1.0f}, {"num_iter", -1}}, "negative"),
    refused("composite without parts", {{"policy", "composite"}, {"base_lr", 1.0f}}, "sub_policy_num_iters"),
    refused("composite without policy", {{"policy", "composite"}, {"base_lr", 1.0f}, {"sub_policy_num_iters", ints({3})}}, "missing argument 'policy'"),
    refused("composite in composite", {{"policy", "composite"}, {"base_lr", 1.0f}, {"sub_policy_num_iters", ints({3})}, {"sub_policy_0_policy", "composite"}}, "itself"),
    refused("unknown argument of a part", {{"policy", "composite"}, {"base_lr", 1.0f}, {"sub_policy_num_iters", ints({3})}, {"sub_policy_0_policy", "fixed"},
                                           {"sub_policy_0_gama", 1.0f}}, "'gama'"),
    refused("epochs without batch", {{"policy", "epochs"}, {"base_lr", 1.0f}, {"epoch_size", 10}}, "'batch_size'"),
    refused("epochs, unknown warmup", {{"policy", "epochs"}, {"base_lr", 1.0f}, {"epoch_size", 10}, {"batch_size", 1}, {"warmup", "slow"}}, "'slow'"),
    refused("epochs, unknown decay", {{"policy", "epochs"}, {"base_lr", 1.0f}, {"epoch_size", 10}, {"batch_size", 1}, {"decay", "exp"}}, "'exp'"),
    refused("epochs, no milestones", {{"policy", "epochs"}, {"base_lr", 1.0f}, {"epoch_size", 10}, {"batch_size", 1}, {"decay", "step"}, {"gamma", 0.1f}}, "'milestones'"),
    refused("threshold", {{"policy", "fixed"}, {"base_lr", 1.0f}, {"ratio_threshold", 0.5f}}, "at least 1"),
    {.name = "float iteration", .args = {{"policy", "fixed"}, {"base_lr", 1.0f}}, .inputs = {normal({1})}, .code = ErrorCode::kTypeMismatch, .says = "int64"},
    {.name = "negative iteration", .args = {{"policy", "fixed"}, {"base_lr", 1.0f}}, .inputs = {values<int64_t>({1}, {-1})}, .says = "-1"},
});
// clang-format on

}  // namespace
}  // namespace headrace::testing
