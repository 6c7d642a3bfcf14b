// YellowFin: momentum whose rate and coefficient follow from the gradients it has seen.

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/registry.h"
#include "operators/checks.h"
#include "operators/parts.h"
#include "operators/reduce.h"

namespace headrace {
namespace {

constexpr int kParameter = 0;
constexpr int kMoment = 1;
constexpr int kRate = 2;
constexpr int kMomentum = 3;
constexpr int kWindow = 4;
constexpr int kMean = 5;
constexpr int kSquare = 6;
constexpr int kScalars = 7;
constexpr int kGradient = 8;
constexpr int kIteration = 9;

/// Moving averages that `scalars` holds, in this order.
enum Scalar { kNorm, kNormSquared, kLowest, kHighest, kDistance, kScalarCount };

struct YellowFinArgs {
  double beta, epsilon;
  int64_t window;
  bool nesterov, unbiased;

  static YellowFinArgs of(const Args& args) {
    YellowFinArgs result{args.real("beta"), args.real("epsilon"), args.integer("curv_win_width"),
                         args.flag("nesterov"), args.flag("zero_debias")};
    require(result.beta >= 0 && result.beta < 1, ErrorCode::kInvalidArgument,
            "beta must be in [0, 1), found {}", result.beta);
    require(result.window >= 1, ErrorCode::kInvalidArgument,
            "curv_win_width must be at least 1, found {}", result.window);
    return result;
  }
  double average(double value, double before) const { return beta * before + (1 - beta) * value; }
};

std::vector<TensorType> infer_yellow_fin(const InferContext& context) {
  require_type(context, kParameter, FloatTypes{});
  for (int i : {kMoment, kMean, kSquare, kGradient}) {
    require_same_type(context, i, kParameter);
    require_same_shape(context, i, kParameter);
  }
  for (int i : {kRate, kMomentum}) {
    require_same_type(context, i, kParameter);
    require_single(context, i);
  }
  require_same_type(context, kWindow, kParameter);
  require_count(context, kWindow, YellowFinArgs::of(context.args).window);
  require_same_type(context, kScalars, kParameter);
  require_count(context, kScalars, kScalarCount);
  require_type(context, kIteration, Types<int64_t>{});
  require_single(context, kIteration);
  return {context.inputs.begin(), context.inputs.begin() + kGradient};
}

OpSchema yellow_fin_schema() {
  OpSchema schema("YellowFin");
  schema
      .doc(
          "Momentum with a rate and a coefficient of its own for each parameter (Zhang and "
          "Mitliagkas 2017, algorithm 1): moment' = momentum * moment + rate * g; parameter' = "
          "parameter - moment', with `nesterov` parameter - (1 + momentum) * moment' + momentum * "
          "moment. From the second iteration on, rate and momentum then move to what minimises "
          "the distance to the optimum of a quadratic with the range of curvatures, gradient "
          "variance and distance that were seen. Averages move as beta * average + (1 - beta) * "
          "value.")
      .differs(
          "An iteration below 1 is an error, and the window must have curv_win_width elements: "
          "there Caffe2 divides by zero or writes beside the window.")
      .differs(
          "Outputs need not be the inputs; Caffe2 computes from what it has just written, and is "
          "right in place only.")
      .input("parameter")
      .input("moment")
      .input("rate", "one element")
      .input("momentum", "one element")
      .input("curv_win", "logarithms of the latest squared norms of the gradient, curv_win_width")
      .input("g_avg", "moving average of the gradient")
      .input("g2_avg", "moving average of its square")
      .input("scalars",
             "five moving averages: of the norm of the gradient, its square, the logarithms of the "
             "lowest and the highest curvature in the window, the distance")
      .input("gradient")
      .input("iteration", "int64, one element, from 1");
  for (const char* name :
       {"parameter", "moment", "rate", "momentum", "curv_win", "g_avg", "g2_avg", "scalars"}) {
    schema.output(name);
  }
  for (int i = kParameter; i <= kScalars; ++i) schema.inplace(i, i);
  return schema.arg("beta", 0.999f, "how slowly averages move")
      .arg("epsilon", 1e-6f, "the least that is divided by")
      .arg("curv_win_width", 20, "iterations in the window")
      .arg("nesterov", 0, "1: Nesterov's momentum")
      .arg("zero_debias", 1, "1: averages count as if they had not begun at 0")
      .host_input(kIteration)
      .infer(infer_yellow_fin)
      .cost([](const CostContext& context) {
        return Cost{25 * static_cast<double>(context.inputs[0].shape.numel()),
                    context.operand_bytes()};
      })
      .no_gradient();
}
const RegisterOperator yellow_fin(yellow_fin_schema());

/// The momentum coefficient that the noise allows: the square of the root x of
/// (1 - x)^3 = p * x in (0, 1), with p = distance^2 * curvature^2 / (2 * variance).
double single_step_momentum(double p) {
  const double w = -std::cbrt((std::sqrt(p * p + 4.0 / 27 * p * p * p) + p) / 2);
  const double root = w - p / 3 / w + 1;
  return root * root;
}

/// What the tensors tell, as sums over all their elements.
struct Sums {
  double squared_norm;  // of the gradient
  double mean_norm;     // squared norm of its average, without bias
};

/// Rate, momentum and scalars after an iteration; all are updated in place.
template <typename T>
struct Tuner {
  const YellowFinArgs& args;
  int64_t iteration;
  double unbias;

  void update(const Sums& sums, T* window, T* scalars, T* rate, T* momentum) const {
    const double squared = std::max(args.epsilon, sums.squared_norm);
    window[(iteration - 1) % args.window] = static_cast<T>(std::log(squared));
    const auto [lowest, highest] =
        std::minmax_element(window, window + std::min(args.window, iteration));
    const double norm_now = moved(scalars[kNorm], std::sqrt(squared));
    const double squared_now = moved(scalars[kNormSquared], squared);
    const double low = std::max(args.epsilon, std::exp(moved(scalars[kLowest], *lowest)));
    const double high = std::max(args.epsilon, std::exp(moved(scalars[kHighest], *highest)));
    const double distance =
        std::max(args.epsilon, moved(scalars[kDistance], std::max(args.epsilon, norm_now) /
                                                             std::max(args.epsilon, squared_now)));
    if (iteration == 1) return;
    const double variance = std::max(args.epsilon, squared_now - sums.mean_norm);
    const double condition = std::sqrt(high / low);
    const double robust = (condition - 1) / (condition + 1);
    const double best = std::max(
        single_step_momentum(distance * distance * low * low / 2 / variance), robust * robust);
    const double gap = 1 - std::sqrt(best);
    *momentum = static_cast<T>(args.average(best, *momentum));
    *rate = static_cast<T>(args.average(gap * gap / low, *rate));
  }

 private:
  /// Moves an average; its value without the bias towards 0.
  double moved(T& average, double value) const {
    const double next = args.average(value, average);
    average = static_cast<T>(next);
    return next * unbias;
  }
};

template <typename T>
class YellowFin final : public Kernel {
 public:
  explicit YellowFin(const PrepareContext& prepare)
      : args_(YellowFinArgs::of(prepare.args)),
        count_(prepare.inputs[kParameter].shape.numel()),
        width_(prepare.width) {}

  size_t scratch_bytes() const override {
    return reduce_scratch(count_) + state_elements() * sizeof(T);
  }

  void launch(OpContext& context) const override {
    const int64_t iteration = *context.input<int64_t>(kIteration);
    require(iteration >= 1, ErrorCode::kNumeric, "iterations count from 1, found {}", iteration);
    const double unbias =
        args_.unbiased ? 1 / (1 - std::pow(args_.beta, static_cast<double>(iteration))) : 1;
    const T rate = *context.input<T>(kRate), momentum = *context.input<T>(kMomentum);
    const Sums sums = sum_up(context, unbias);
    step(context, rate, momentum);

    // In scratch, because outputs that nobody reads have no storage.
    T* window = static_cast<T*>(context.scratch) + reduce_scratch(count_) / sizeof(T);
    T* scalars = std::copy_n(context.input<T>(kWindow), args_.window, window);
    T* new_rate = std::copy_n(context.input<T>(kScalars), int{kScalarCount}, scalars);
    T* new_momentum = new_rate + 1;
    *new_rate = rate;
    *new_momentum = momentum;
    Tuner<T>{args_, iteration, unbias}.update(sums, window, scalars, new_rate, new_momentum);
    write(context, kWindow, window, args_.window);
    write(context, kScalars, scalars, kScalarCount);
    write(context, kRate, new_rate, 1);
    write(context, kMomentum, new_momentum, 1);
  }

 private:
  size_t state_elements() const { return static_cast<size_t>(args_.window) + kScalarCount + 2; }

  static void write(const OpContext& context, int i, const T* from, int64_t count) {
    if (T* to = context.output<T>(i)) std::copy_n(from, count, to);
  }

  Sums sum_up(const OpContext& context, double unbias) const {
    const T* gradient = context.input<T>(kGradient);
    const T* mean = context.input<T>(kMean);
    const T beta = static_cast<T>(args_.beta), scale = static_cast<T>(unbias);
    auto sum = [&](auto term) { return block_sum<T>(width_, count_, context.scratch, term); };
    return {.squared_norm = sum([=](int64_t i) { return gradient[i] * gradient[i]; }),
            .mean_norm = sum([=](int64_t i) {
              const T average = scale * (beta * mean[i] + (1 - beta) * gradient[i]);
              return average * average;
            })};
  }

  void step(const OpContext& context, T rate, T momentum) const {
    const T* parameter = context.input<T>(kParameter);
    const T* moment = context.input<T>(kMoment);
    const T* gradient = context.input<T>(kGradient);
    const T *mean = context.input<T>(kMean), *square = context.input<T>(kSquare);
    T *new_parameter = context.output<T>(kParameter), *new_moment = context.output<T>(kMoment);
    T *new_mean = context.output<T>(kMean), *new_square = context.output<T>(kSquare);
    const T beta = static_cast<T>(args_.beta);
    // How much of the new and of the old moment is taken off.
    const T now = args_.nesterov ? 1 + momentum : 1, before = args_.nesterov ? momentum : 0;
    for_parts(width_, count_, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T g = gradient[i], m = moment[i];
        const T next = momentum * m + rate * g;
        if (new_parameter != nullptr) new_parameter[i] = parameter[i] - now * next + before * m;
        if (new_moment != nullptr) new_moment[i] = next;
        if (new_mean != nullptr) new_mean[i] = beta * mean[i] + (1 - beta) * g;
        if (new_square != nullptr) new_square[i] = beta * square[i] + (1 - beta) * g * g;
      }
    });
  }

  YellowFinArgs args_;
  int64_t count_;
  int width_;
};

const RegisterCpuKernel yellow_fin_cpu("YellowFin", [](const PrepareContext& prepare) {
  return dispatch(FloatTypes{}, prepare.inputs[kParameter].dtype,
                  [&]<typename T>() -> std::unique_ptr<Kernel> {
                    return std::make_unique<YellowFin<T>>(prepare);
                  });
});

}  // namespace
}  // namespace headrace
