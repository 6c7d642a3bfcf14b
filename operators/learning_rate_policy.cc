#include "operators/learning_rate_policy.h"

#include <cmath>
#include <limits>
#include <map>
#include <numbers>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/text.h"

namespace headrace {
namespace {

/// a + b of two numbers of iterations; what would overflow never comes.
int64_t sum_of(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

// Policies that are parts of others.

LearningRatePolicy linear_warmup(double start, int64_t length) {
  return [=](int64_t iteration) {
    if (iteration >= length) return 1.0;
    return start + (1 - start) * static_cast<double>(iteration) / static_cast<double>(length);
  };
}

LearningRatePolicy inverse(double gamma, double power) {
  return [=](int64_t iteration) {
    return std::pow(1 + gamma * static_cast<double>(iteration), -power);
  };
}

/// A triangle between base and `max_lr` of 2 * stepsize iterations, its height times decay per
/// cycle (Smith, "Cyclical learning rates for training neural networks", 2017).
LearningRatePolicy cycles(double base_lr, double max_lr, int64_t stepsize, double decay) {
  require(base_lr != 0, ErrorCode::kInvalidArgument,
          "a cyclical policy needs a base_lr other than 0");
  return [=](int64_t iteration) {
    const int64_t cycles_before = iteration / stepsize / 2;
    const double cycle = static_cast<double>(cycles_before) + 1;
    double at = static_cast<double>(iteration) / static_cast<double>(stepsize);
    double height = std::max(0.0, 1 - std::abs(at - 2 * cycle + 1));
    double shrink = std::pow(decay, static_cast<double>(cycles_before));
    return 1 + (std::abs(max_lr) / std::abs(base_lr) - 1) * height * shrink;
  };
}

/// Cosine annealing with warm restarts (Loshchilov and Hutter, "SGDR", 2017): period k has
/// period * t_mult^k iterations and its bounds are multiplied by lr_shrink^k. The rates are
/// absolute and still multiplied by base_lr, as in Caffe2.
LearningRatePolicy annealing(double max_lr, double min_lr, int64_t period, double t_mult,
                             double lr_shrink) {
  require(t_mult >= 1, ErrorCode::kInvalidArgument,
          "periods of cosine annealing must not shrink: t_mult {} is less than 1", t_mult);
  return [=](int64_t iteration) {
    double t = static_cast<double>(iteration);
    double first = static_cast<double>(period);
    double k = 0;
    double length = first;
    double begin = 0;
    if (t_mult == 1) {
      const int64_t periods = iteration / period;
      k = static_cast<double>(periods);
      begin = k * first;
    } else {
      // Periods before k have period * (t_mult^k - 1) / (t_mult - 1) iterations together.
      auto begin_of = [&](double k) { return first * (std::pow(t_mult, k) - 1) / (t_mult - 1); };
      k = std::floor(std::log(1 + t / first * (t_mult - 1)) / std::log(t_mult));
      if (begin_of(k + 1) <= t) ++k;
      length = first * std::pow(t_mult, k);
      begin = begin_of(k);
    }
    double shrink = std::pow(lr_shrink, k);
    double wave = 1 + std::cos(std::numbers::pi * (t - begin) / length);
    return shrink * (min_lr + 0.5 * (max_lr - min_lr) * wave);
  };
}

LearningRatePolicy constant_then_linear(const Args& args) {
  double start = policy_real(args, "start_warmup_multiplier", 0.1);
  int64_t constant = policy_integer(args, "constant_warmup_num_iter", 10'000'000);
  int64_t linear = policy_integer(args, "linear_warmup_num_iter", 10'000'000);
  return [=](int64_t iteration) {
    if (iteration < constant) return start;
    if (iteration >= sum_of(constant, linear)) return 1.0;
    return start +
           (1 - start) * static_cast<double>(iteration - constant) / static_cast<double>(linear);
  };
}

/// `then` from the end of the warm-up on, its iterations counted from there.
LearningRatePolicy after_warmup(const Args& args, LearningRatePolicy then) {
  int64_t end = sum_of(policy_integer(args, "constant_warmup_num_iter", 10'000'000),
                       policy_integer(args, "linear_warmup_num_iter", 10'000'000));
  return [warmup = constant_then_linear(args), then = std::move(then), end](int64_t iteration) {
    return iteration < end ? warmup(iteration) : then(iteration - end);
  };
}

// The policies by name.

LearningRatePolicy fixed(const Args&) {
  return [](int64_t) { return 1.0; };
}

LearningRatePolicy step(const Args& args) {
  int64_t size = policy_length(args, "stepsize");
  double gamma = policy_real(args, "gamma");
  return [=](int64_t iteration) {
    const int64_t steps = iteration / size;
    return std::pow(gamma, static_cast<double>(steps));
  };
}

LearningRatePolicy exponential(const Args& args) {
  double gamma = policy_real(args, "gamma");
  return [=](int64_t iteration) { return std::pow(gamma, static_cast<double>(iteration)); };
}

LearningRatePolicy gate(const Args& args) {
  double before = policy_real(args, "multiplier_1", 1);
  double after = policy_real(args, "multiplier_2", 1);
  int64_t length = policy_integer(args, "num_iter", 0);
  return [=](int64_t iteration) { return iteration < length ? before : after; };
}

LearningRatePolicy inv(const Args& args) {
  return inverse(policy_real(args, "gamma"), policy_real(args, "power"));
}

LearningRatePolicy poly(const Args& args) {
  double power = policy_real(args, "power");
  int64_t length = policy_length(args, "max_iter");
  return [=](int64_t iteration) {
    require(iteration <= length, ErrorCode::kState,
            "policy poly ends at max_iter {} and was asked for iteration {}", length, iteration);
    return std::pow(1 - static_cast<double>(iteration) / static_cast<double>(length), power);
  };
}

LearningRatePolicy linear_warmup_policy(const Args& args) {
  return linear_warmup(policy_real(args, "start_multiplier", 0),
                       policy_integer(args, "num_iter", 0));
}

LearningRatePolicy constant_warmup(const Args& args) {
  double multiplier = policy_real(args, "multiplier", 0.5);
  int64_t length = policy_integer(args, "num_iter", 0);
  return [=](int64_t iteration) { return iteration < length ? multiplier : 1.0; };
}

LearningRatePolicy piece_warmup(const Args& args) {
  double m1 = policy_real(args, "m1", 0.5);
  double m2 = policy_real(args, "m2", 0.5);
  double m3 = policy_real(args, "m3", 0.5);
  int64_t n1 = policy_integer(args, "n1", 0);
  int64_t n2 = policy_integer(args, "n2", 0);
  return [=](int64_t iteration) { return iteration < n1 ? m1 : iteration < n2 ? m2 : m3; };
}

LearningRatePolicy alter(const Args& args) {
  int64_t active = policy_length(args, "active_period");
  int64_t inactive = policy_length(args, "inactive_period");
  bool active_first = policy_integer(args, "active_first", 1) != 0;
  return [=](int64_t iteration) {
    int64_t at = iteration % sum_of(active, inactive);
    bool is_active = active_first ? at < active : at >= inactive;
    return is_active ? 1.0 : 0.0;
  };
}

LearningRatePolicy hill(const Args& args) {
  int64_t length = policy_length(args, "num_iter");
  double end = policy_real(args, "end_multiplier");
  return
      [=, up = linear_warmup(policy_real(args, "start_multiplier"), length),
       down = inverse(policy_real(args, "gamma"), policy_real(args, "power"))](int64_t iteration) {
        return iteration < length ? up(iteration) : std::max(end, down(iteration - length));
      };
}

LearningRatePolicy slope(const Args& args) {
  int64_t n1 = policy_length(args, "num_iter_1");
  int64_t n2 = policy_length(args, "num_iter_2");
  double m1 = policy_real(args, "multiplier_1");
  double m2 = policy_real(args, "multiplier_2");
  require(n2 > n1, ErrorCode::kInvalidArgument,
          "policy slope needs num_iter_2 > num_iter_1, found {} and {}", n2, n1);
  return [=](int64_t iteration) {
    if (iteration < n1) return m1;
    double incline = (m2 - m1) / static_cast<double>(n2 - n1);
    return std::max(m2, m1 + static_cast<double>(iteration - n1) * incline);
  };
}

LearningRatePolicy cyclical(const Args& args) {
  return cycles(args.real("base_lr"), policy_real(args, "max_lr", 0.005),
                policy_length(args, "stepsize"), policy_real(args, "decay", 1));
}

LearningRatePolicy cosine(const Args& args) {
  return annealing(policy_real(args, "max_lr", 0.5), policy_real(args, "min_lr", 0.1),
                   policy_length(args, "period", 50), policy_real(args, "t_mult", 1),
                   policy_real(args, "lr_shrink", 0.99));
}

LearningRatePolicy composite_cyclical(const Args& args) {
  return after_warmup(args, cycles(args.real("base_lr"), policy_real(args, "cyclical_max_lr", 0.05),
                                   policy_length(args, "cyclical_step_size", 1'000'000),
                                   policy_real(args, "cyclical_decay", 1)));
}

LearningRatePolicy composite_cosine(const Args& args) {
  return after_warmup(
      args,
      annealing(policy_real(args, "cosine_max_lr", 0.5), policy_real(args, "cosine_min_lr", 0.1),
                policy_length(args, "cosine_period", 50), policy_real(args, "cosine_t_mult", 1),
                policy_real(args, "cosine_lr_shrink", 0.99)));
}

/// The arguments sub_policy_K_NAME of a composite policy as the arguments NAME of one of its own.
OperatorDef sub_definition(const Args& args, size_t k) {
  OperatorDef sub;
  sub.set_type("LearningRate");
  std::string prefix = "sub_policy_" + std::to_string(k) + "_";
  for (const Argument& arg : args.def().arg()) {
    if (arg.name() == "base_lr") *sub.add_arg() = arg;
    if (!arg.name().starts_with(prefix) || arg.name() == prefix + "lr_scale") continue;
    Argument* own = sub.add_arg();
    *own = arg;
    own->set_name(arg.name().substr(prefix.size()));
  }
  return sub;
}

double sub_scale(const Args& args, size_t k) {
  std::string name = "sub_policy_" + std::to_string(k) + "_lr_scale";
  for (const Argument& arg : args.def().arg()) {
    if (arg.name() != name) continue;
    require(arg.has_f(), ErrorCode::kInvalidArgument, "argument '{}' must be given as 'f'", name);
    return arg.f();
  }
  return 1;
}

LearningRatePolicy sub_policy(const Args& args, size_t k) {
  OperatorDef def = sub_definition(args, k);
  Args sub(get_schema("LearningRate"), def);
  std::vector<std::string> problems = sub.problems();
  for (const std::string& name : sub.unknown())
    problems.push_back("unknown argument '" + name + "'");
  require(problems.empty(), ErrorCode::kInvalidArgument, "sub-policy {} of a composite policy: {}",
          k, problems.empty() ? "" : problems.front());
  require(sub.text("policy") != "composite", ErrorCode::kInvalidArgument,
          "sub-policy {} of a composite policy is a composite policy itself, which cannot be", k);
  return [scale = sub_scale(args, k), policy = learning_rate_policy(sub)](int64_t iteration) {
    return scale * policy(iteration);
  };
}

/// Each sub-policy rules for so many iterations, the last one for ever; all count from the start.
LearningRatePolicy composite(const Args& args) {
  auto lengths = args.integers("sub_policy_num_iters");
  require(!lengths.empty(), ErrorCode::kInvalidArgument,
          "policy composite needs 'sub_policy_num_iters', the lengths of its parts");
  std::map<int64_t, LearningRatePolicy> by_end;
  int64_t end = 0;
  for (size_t k = 0; k < lengths.size(); ++k) {
    require(lengths[k] > 0, ErrorCode::kInvalidArgument,
            "sub-policies must last at least one iteration; sub_policy_num_iters has {}",
            lengths[k]);
    end = sum_of(end, lengths[k]);
    by_end[end] = sub_policy(args, k);
  }
  return [by_end = std::move(by_end)](int64_t iteration) {
    // The counter is 1 in the first iteration, so the part that ends at n has iteration n.
    auto found = by_end.lower_bound(iteration);
    return (found == by_end.end() ? std::prev(found) : found)->second(iteration);
  };
}

using MakePolicy = LearningRatePolicy (*)(const Args&);

const std::map<std::string, MakePolicy, std::less<>>& policies() {
  static const std::map<std::string, MakePolicy, std::less<>> kTable = {
      {"fixed", fixed},
      {"step", step},
      {"exp", exponential},
      {"gate", gate},
      {"inv", inv},
      {"poly", poly},
      {"linearWarmup", linear_warmup_policy},
      {"constantWarmup", constant_warmup},
      {"pieceWarmup", piece_warmup},
      {"alter", alter},
      {"hill", hill},
      {"slope", slope},
      {"composite", composite},
      {"cyclical", cyclical},
      {"cosine", cosine},
      {"constantThenLinearWarmup", constant_then_linear},
      {"compositeCyclical", composite_cyclical},
      {"compositeCosine", composite_cosine},
      {"epochs", epochs_policy},
  };
  return kTable;
}

}  // namespace

double policy_real(const Args& args, const char* name) {
  require(args.has(name), ErrorCode::kInvalidArgument, "policy {} needs the argument '{}'",
          args.text("policy"), name);
  return args.real(name);
}

double policy_real(const Args& args, const char* name, double otherwise) {
  return args.has(name) ? double{args.real(name)} : otherwise;
}

int64_t policy_integer(const Args& args, const char* name) {
  require(args.has(name), ErrorCode::kInvalidArgument, "policy {} needs the argument '{}'",
          args.text("policy"), name);
  return args.integer(name);
}

int64_t policy_integer(const Args& args, const char* name, int64_t otherwise) {
  int64_t value = args.has(name) ? args.integer(name) : otherwise;
  require(value >= 0, ErrorCode::kInvalidArgument, "policy {}: '{}' must not be negative, found {}",
          args.text("policy"), name, value);
  return value;
}

int64_t policy_length(const Args& args, const char* name) {
  int64_t value = policy_integer(args, name);
  require(value > 0, ErrorCode::kInvalidArgument, "policy {}: '{}' must be positive, found {}",
          args.text("policy"), name, value);
  return value;
}

int64_t policy_length(const Args& args, const char* name, int64_t otherwise) {
  return args.has(name) ? policy_length(args, name) : otherwise;
}

LearningRatePolicy learning_rate_policy(const Args& args) {
  const std::string& name = args.text("policy");
  auto found = policies().find(name);
  if (found == policies().end()) {
    std::vector<std::string> names;
    for (const auto& [known, make] : policies()) names.push_back(known);
    std::string all;
    for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
    fail(ErrorCode::kInvalidArgument, "unknown learning rate policy '{}'{}; there are {}", name,
         did_you_mean(name, names), all);
  }
  return found->second(args);
}

OpSchema& declare_learning_rate_policies(OpSchema& schema) {
  schema.required_arg("policy", ArgKind::kString)
      .optional_arg("stepsize", ArgKind::kInt, "step, cyclical: iterations")
      .optional_arg("gamma", ArgKind::kFloat, "step, exp, inv, hill, epochs: factor")
      .optional_arg("power", ArgKind::kFloat, "inv, poly, hill, epochs: exponent")
      .optional_arg("max_iter", ArgKind::kInt, "poly: iteration of rate 0")
      .optional_arg("num_iter", ArgKind::kInt, "gate, *Warmup, hill: iterations")
      .optional_arg("multiplier", ArgKind::kFloat, "constantWarmup (0.5)")
      .optional_arg("multiplier_1", ArgKind::kFloat, "gate (1), slope: first multiplier")
      .optional_arg("multiplier_2", ArgKind::kFloat, "gate (1), slope: second multiplier")
      .optional_arg("start_multiplier", ArgKind::kFloat, "linearWarmup (0), hill, epochs")
      .optional_arg("end_multiplier", ArgKind::kFloat, "hill, epochs (0): smallest multiplier")
      .optional_arg("m1", ArgKind::kFloat, "pieceWarmup (0.5): until n1")
      .optional_arg("m2", ArgKind::kFloat, "pieceWarmup (0.5): until n2")
      .optional_arg("m3", ArgKind::kFloat, "pieceWarmup (0.5): from n2 on")
      .optional_arg("n1", ArgKind::kInt, "pieceWarmup (0)")
      .optional_arg("n2", ArgKind::kInt, "pieceWarmup (0)")
      .optional_arg("active_first", ArgKind::kInt, "alter (1)")
      .optional_arg("active_period", ArgKind::kInt, "alter: iterations of rate base_lr")
      .optional_arg("inactive_period", ArgKind::kInt, "alter: iterations of rate 0")
      .optional_arg("num_iter_1", ArgKind::kInt, "slope: where it begins")
      .optional_arg("num_iter_2", ArgKind::kInt, "slope: where it reaches multiplier_2")
      .optional_arg("max_lr", ArgKind::kFloat, "cyclical (0.005), cosine (0.5)")
      .optional_arg("min_lr", ArgKind::kFloat, "cosine (0.1)")
      .optional_arg("decay", ArgKind::kScalar,
                    "cyclical (1): factor per cycle; epochs: step, poly or cosine")
      .optional_arg("period", ArgKind::kInt, "cosine (50): iterations of the first period")
      .optional_arg("t_mult", ArgKind::kFloat, "cosine (1): growth of the period")
      .optional_arg("lr_shrink", ArgKind::kFloat, "cosine (0.99): factor per period")
      .optional_arg("start_warmup_multiplier", ArgKind::kFloat, "constantThenLinearWarmup (0.1)")
      .optional_arg("constant_warmup_num_iter", ArgKind::kInt, "likewise (10000000)")
      .optional_arg("linear_warmup_num_iter", ArgKind::kInt, "likewise (10000000)")
      .optional_arg("cyclical_max_lr", ArgKind::kFloat, "compositeCyclical (0.05)")
      .optional_arg("cyclical_step_size", ArgKind::kInt, "compositeCyclical (1000000)")
      .optional_arg("cyclical_decay", ArgKind::kFloat, "compositeCyclical (1)")
      .optional_arg("cosine_max_lr", ArgKind::kFloat, "compositeCosine (0.5)")
      .optional_arg("cosine_min_lr", ArgKind::kFloat, "compositeCosine (0.1)")
      .optional_arg("cosine_period", ArgKind::kInt, "compositeCosine (50)")
      .optional_arg("cosine_t_mult", ArgKind::kFloat, "compositeCosine (1)")
      .optional_arg("cosine_lr_shrink", ArgKind::kFloat, "compositeCosine (0.99)")
      .optional_arg("sub_policy_num_iters", ArgKind::kInts, "composite: iterations of each part")
      .arg_prefix("sub_policy_");
  return declare_epochs_policy(schema);
}

}  // namespace headrace
