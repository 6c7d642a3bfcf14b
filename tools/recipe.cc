#include "tools/recipe.h"

#include <algorithm>
#include <utility>

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "tools/checks.h"
#include "tools/help.h"

namespace headrace::tools {
namespace {

/// Says that a flag has a meaning only together with certain values of another one.
class OnlyWith {
 public:
  OnlyWith(CLI::Option* option, const std::string& flag, const std::string& value,
           std::vector<std::string> values)
      : option_(option), flag_(flag), value_(value), values_(std::move(values)) {}

  void check() const {
    if (option_->count() == 0 || std::ranges::find(values_, value_) != values_.end()) return;
    throw CLI::ValidationError(option_->get_name() + " has no meaning with " + flag_ + " " +
                               value_);
  }

 private:
  CLI::Option* option_;
  std::string flag_;
  const std::string& value_;
  std::vector<std::string> values_;
};

/// The smallest change of the rate at which buffers are rescaled; Detectron's or any.
float correction_threshold(const Recipe& recipe) {
  return recipe.momentum_correction == "threshold" ? 1.1f : 1;
}

MomentumSgd momentum_sgd(const Recipe& recipe) {
  MomentumSgd sgd{.momentum = recipe.momentum,
                  .nesterov = recipe.nesterov,
                  .weight_decay = recipe.weight_decay,
                  .momentum_correction = recipe.momentum_correction != "off",
                  .correction_threshold = correction_threshold(recipe)};
  if (recipe.momentum_form == "reference") sgd.form = MomentumForm::kReference;
  return sgd;
}

Optimizer make_optimizer(const Recipe& recipe) {
  if (recipe.optimizer == "adam") {
    return Adam{
        .beta1 = recipe.momentum, .beta2 = recipe.beta2, .weight_decay = recipe.weight_decay};
  }
  if (recipe.optimizer == "lars") {
    return Lars{.momentum = recipe.momentum,
                .nesterov = recipe.nesterov,
                .weight_decay = recipe.weight_decay,
                .trust = recipe.trust,
                .momentum_correction = recipe.momentum_correction != "off",
                .correction_threshold = correction_threshold(recipe)};
  }
  return momentum_sgd(recipe);
}

LearningRateSchedule make_schedule(const Recipe& recipe) {
  LearningRateSchedule schedule = recipe.reference_batch > 0
                                      ? linear_scaling(recipe.learning_rate, recipe.reference_batch)
                                      : fixed_rate(recipe.learning_rate);
  // The paper's lengths are for 90 epochs.
  const double unit = recipe.epochs / 90;
  std::optional<float> from;
  if (recipe.warmup_from >= 0) from = recipe.warmup_from;
  const Epochs length{recipe.warmup_epochs > 0 ? recipe.warmup_epochs : 5 * unit};
  if (recipe.warmup == "gradual") schedule = schedule.warmup(length, from);
  if (recipe.warmup == "constant") schedule = schedule.constant_warmup(length, from);

  if (recipe.decay == "step") {
    std::vector<double> milestones = recipe.milestones;
    if (milestones.empty()) milestones = {30 * unit, 60 * unit, 80 * unit};
    return schedule.decay(recipe.gamma, at_epochs(std::move(milestones)));
  }
  if (recipe.decay == "poly") return schedule.poly_decay(recipe.power, epochs(recipe.epochs));
  if (recipe.decay == "cosine") return schedule.cosine_decay(epochs(recipe.epochs));
  return schedule;
}

}  // namespace

void add_model_flags(CLI::App& flags, Recipe& recipe) {
  const HelpGroup group(flags, "Model");
  flags.add_option("MODEL", recipe.model, "Name of the model; 'headrace emit --list' lists them");
  flags
      .add_option("--batch", recipe.input.batch,
                  "Samples per iteration, of all workers; has to be given")
      ->check(whole_number(1))
      ->default_str("");
  flags
      .add_option(
          "--accumulate", recipe.accumulate,
          "Micro-batches in which a worker takes its samples of an iteration, one after the "
          "other; it adds up their gradients and updates once")
      ->check(whole_number(1));
  flags.add_option("--image", recipe.input.image, "Height and width of images")
      ->check(whole_number(1))
      ->default_str("what the model was made for");
  flags.add_option("--channels", recipe.input.channels, "Channels of images")
      ->check(whole_number(1))
      ->default_str("what the model was made for");
  flags.add_option("--classes", recipe.input.classes, "Number of classes")
      ->check(whole_number(1))
      ->default_str("what the model was made for");
}

void add_recipe_flags(CLI::App& flags, Recipe& recipe) {
  const HelpGroup group(flags, "Recipe");
  std::vector<OnlyWith> only;
  auto only_with = [&](CLI::Option* option, const std::string& flag, const std::string& value,
                       std::vector<std::string> values) {
    only.emplace_back(option, flag, value, std::move(values));
  };

  flags.add_option("--epochs", recipe.epochs, "Passes over the data")->check(positive_number());

  flags.add_option("--optimizer", recipe.optimizer, "How parameters are updated")
      ->check(CLI::IsMember({"sgd", "lars", "adam"}));
  flags.add_option("--momentum", recipe.momentum, "Momentum; beta1 of adam")->check(fraction());
  only_with(flags.add_flag("--nesterov,!--no-nesterov", recipe.nesterov,
                           "Nesterov's momentum (default: on)"),
            "--optimizer", recipe.optimizer, {"sgd", "lars"});
  flags
      .add_option("--weight-decay", recipe.weight_decay,
                  "Decay of all parameters but the scales and biases of batch normalisation (lars: "
                  "of matrices and filters only)")
      ->check(number_from_zero());
  only_with(flags
                .add_option("--momentum-form", recipe.momentum_form,
                            "rate-in-buffer: v = m v + rate g, w -= v; reference: v = m v + g, "
                            "w -= rate v")
                ->check(CLI::IsMember({"rate-in-buffer", "reference"})),
            "--optimizer", recipe.optimizer, {"sgd"});
  auto* correction =
      flags
          .add_option(
              "--momentum-correction", recipe.momentum_correction,
              "Rescale the buffer when the rate changes; exact: at every change, threshold: when "
              "it changes by more than a factor of 1.1")
          ->check(CLI::IsMember({"exact", "threshold", "off"}));
  only_with(correction, "--optimizer", recipe.optimizer, {"sgd", "lars"});
  only_with(correction, "--momentum-form", recipe.momentum_form, {"rate-in-buffer"});
  only_with(flags.add_option("--trust", recipe.trust, "Trust coefficient of lars")
                ->check(positive_number()),
            "--optimizer", recipe.optimizer, {"lars"});
  only_with(
      flags.add_option("--beta2", recipe.beta2, "Decay rate of adam's squares")->check(fraction()),
      "--optimizer", recipe.optimizer, {"adam"});

  flags.add_option("--learning-rate", recipe.learning_rate, "Rate for --reference-batch samples")
      ->check(positive_number());
  flags
      .add_option("--reference-batch", recipe.reference_batch,
                  "The rate grows in proportion to the batch; 0: it does not")
      ->check(whole_number(0));
  flags.add_option("--warmup", recipe.warmup, "How the rate begins")
      ->check(CLI::IsMember({"gradual", "constant", "none"}));
  only_with(flags.add_option("--warmup-epochs", recipe.warmup_epochs, "Length of the warm-up")
                ->check(positive_number())
                ->default_str("5/90 of --epochs"),
            "--warmup", recipe.warmup, {"gradual", "constant"});
  only_with(
      flags.add_option("--warmup-from", recipe.warmup_from, "Rate at the start of the warm-up")
          ->check(number_from_zero())
          ->default_str("--learning-rate, or the full rate if that is less"),
      "--warmup", recipe.warmup, {"gradual", "constant"});
  flags.add_option("--decay", recipe.decay, "How the rate falls")
      ->check(CLI::IsMember({"step", "poly", "cosine", "none"}));
  only_with(flags
                .add_option("--milestones", recipe.milestones,
                            "Epochs at which the rate drops, such as 30,60,80")
                ->delimiter(',')
                ->check(positive_number())
                ->default_str("1/3, 2/3 and 8/9 of --epochs"),
            "--decay", recipe.decay, {"step"});
  only_with(
      flags.add_option("--gamma", recipe.gamma, "Factor of each drop")->check(positive_number()),
      "--decay", recipe.decay, {"step"});
  only_with(flags.add_option("--power", recipe.power, "Power of the polynomial")
                ->check(positive_number()),
            "--decay", recipe.decay, {"poly"});

  flags
      .add_option("--clip-gradients", recipe.clip_gradients,
                  "Largest norm of all gradients together; 0: any")
      ->check(number_from_zero());
  flags
      .add_option("--average", recipe.average,
                  "Decay of a moving average of the parameters; 0: none is kept")
      ->check(fraction());

  recipe.check = [only = std::move(only)] {
    for (const OnlyWith& rule : only) rule.check();
  };
}

TrainStep make_train_step(const Recipe& recipe, const Value& loss, int64_t epoch_size) {
  TrainStep step(loss);
  step.optimizer(make_optimizer(recipe)).schedule(make_schedule(recipe)).epoch_size(epoch_size);
  if (recipe.clip_gradients > 0) step.clip_gradients(recipe.clip_gradients);
  if (recipe.average > 0) step.average_parameters(recipe.average);
  return step;
}

}  // namespace headrace::tools
