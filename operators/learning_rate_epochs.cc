// The schedules of large-minibatch training, written in epochs as papers write them.

#include <cmath>
#include <numbers>

#include "core/error.h"
#include "operators/learning_rate_policy.h"

namespace headrace {
namespace {

enum class Decay : uint8_t { kNone, kStep, kPoly, kCosine };

struct EpochSchedule {
  double batch_size = 0;
  double epoch_size = 0;
  double warmup_epochs = 0;
  bool gradual = true;
  double start = 1;
  Decay decay = Decay::kNone;
  double gamma = 1;
  std::vector<double> milestones;
  double epochs = 0;
  double power = 1;
  double end = 0;

  /// Samples seen when the iteration begins: a whole number, exact in double up to 2^53, so that a
  /// milestone is the first iteration at or after it whatever the batch does not divide.
  double samples(int64_t iteration) const { return static_cast<double>(iteration) * batch_size; }

  /// Samples until an epoch. It comes as a float32 argument, so that a third or 0.1 lies beside the
  /// number meant: where that may be the begin of an iteration, it is. What gives whole samples, as
  /// the 30, 60 and 80 of papers do, is taken as it is.
  double samples_until(double epoch) const {
    const double found = epoch * epoch_size;
    if (found == std::round(found)) return found;
    const double iteration = std::round(found / batch_size) * batch_size;
    return std::abs(found - iteration) <= found * 0x1p-23 ? iteration : found;
  }

  double multiplier(int64_t iteration) const {
    double seen = samples(iteration);
    double warmup = samples_until(warmup_epochs);
    if (seen < warmup) return gradual ? start + (1 - start) * seen / warmup : start;
    switch (decay) {
      case Decay::kNone:
        return 1;
      case Decay::kStep: {
        double factor = 1;
        for (double milestone : milestones) factor *= seen >= samples_until(milestone) ? gamma : 1;
        return factor;
      }
      case Decay::kPoly:
        return end + (1 - end) * std::pow(1 - progress(seen), power);
      case Decay::kCosine:
        return end + (1 - end) * 0.5 * (1 + std::cos(std::numbers::pi * progress(seen)));
    }
    return 1;
  }

  /// Share done of what follows the warm-up; 1 from the end on.
  double progress(double seen) const {
    double warmup = samples_until(warmup_epochs);
    return std::min(1.0, (seen - warmup) / (samples_until(epochs) - warmup));
  }
};

void read_warmup(const Args& args, EpochSchedule& schedule) {
  if (!args.has("warmup")) {
    require(!args.has("warmup_epochs"), ErrorCode::kInvalidArgument,
            "policy epochs: 'warmup_epochs' needs 'warmup', gradual or constant");
    return;
  }
  const std::string& kind = args.text("warmup");
  require(kind == "gradual" || kind == "constant", ErrorCode::kInvalidArgument,
          "policy epochs: 'warmup' is gradual or constant, found '{}'", kind);
  schedule.gradual = kind == "gradual";
  schedule.warmup_epochs = policy_real(args, "warmup_epochs");
  schedule.start = policy_real(args, "start_multiplier");
  require(schedule.warmup_epochs >= 0, ErrorCode::kInvalidArgument,
          "policy epochs: 'warmup_epochs' must not be negative, found {}", schedule.warmup_epochs);
}

void read_step(const Args& args, EpochSchedule& schedule) {
  schedule.decay = Decay::kStep;
  schedule.gamma = policy_real(args, "gamma");
  auto milestones = args.reals("milestones");
  schedule.milestones.assign(milestones.begin(), milestones.end());
  require(!milestones.empty(), ErrorCode::kInvalidArgument,
          "policy epochs: decay step needs 'milestones', the epochs at which the rate drops");
}

void read_curve(const Args& args, EpochSchedule& schedule, Decay decay) {
  schedule.decay = decay;
  schedule.epochs = policy_real(args, "epochs");
  schedule.end = policy_real(args, "end_multiplier", 0);
  if (decay == Decay::kPoly) schedule.power = policy_real(args, "power");
  require(schedule.samples_until(schedule.epochs) > schedule.samples_until(schedule.warmup_epochs),
          ErrorCode::kInvalidArgument,
          "policy epochs: {} 'epochs' leave nothing after {} 'warmup_epochs'", schedule.epochs,
          schedule.warmup_epochs);
}

void read_decay(const Args& args, EpochSchedule& schedule) {
  if (!args.has("decay")) return;
  const std::string& kind = args.text("decay");
  if (kind == "step") return read_step(args, schedule);
  if (kind == "poly") return read_curve(args, schedule, Decay::kPoly);
  if (kind == "cosine") return read_curve(args, schedule, Decay::kCosine);
  fail(ErrorCode::kInvalidArgument,
       "policy epochs: 'decay' is step, poly or cosine, or absent; found '{}'", kind);
}

}  // namespace

OpSchema& declare_epochs_policy(OpSchema& schema) {
  return schema.optional_arg("batch_size", ArgKind::kInt, "epochs: samples per iteration")
      .optional_arg("epoch_size", ArgKind::kInt, "epochs: samples per epoch")
      .optional_arg("warmup", ArgKind::kString,
                    "epochs: gradual, from start_multiplier by equal amounts to 1; or constant")
      .optional_arg("warmup_epochs", ArgKind::kFloat, "epochs: length of the warm-up")
      .optional_arg("milestones", ArgKind::kFloats,
                    "epochs: decay step multiplies by gamma at each")
      .optional_arg("epochs", ArgKind::kFloat,
                    "epochs: decay poly and cosine reach end_multiplier there");
}

LearningRatePolicy epochs_policy(const Args& args) {
  EpochSchedule schedule{
      .batch_size = static_cast<double>(policy_length(args, "batch_size")),
      .epoch_size = static_cast<double>(policy_length(args, "epoch_size")),
  };
  read_warmup(args, schedule);
  read_decay(args, schedule);
  return [schedule = std::move(schedule)](int64_t iteration) {
    return schedule.multiplier(iteration);
  };
}

}  // namespace headrace
