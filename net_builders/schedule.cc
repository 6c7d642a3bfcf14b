#include "net_builders/schedule.h"

#include <algorithm>

#include <fmt/ranges.h>

#include "core/error.h"

namespace headrace {
namespace {

void require_rate(float rate) {
  require(rate > 0, ErrorCode::kInvalidArgument, "a learning rate has to be positive, found {}",
          rate);
}

}  // namespace

LearningRateSchedule fixed_rate(float rate) {
  require_rate(rate);
  LearningRateSchedule schedule;
  schedule.rate_ = rate;
  return schedule;
}

LearningRateSchedule linear_scaling(float rate, int64_t per) {
  require(per > 0, ErrorCode::kInvalidArgument,
          "linear scaling needs the batch that the rate {} belongs to, found {}", rate, per);
  LearningRateSchedule schedule = fixed_rate(rate);
  schedule.per_ = per;
  return schedule;
}

LearningRateSchedule LearningRateSchedule::with_warmup(Warmup kind, Epochs length,
                                                       std::optional<float> from) const {
  require(length.count > 0, ErrorCode::kInvalidArgument,
          "a warm-up has to last longer than {} epochs", length.count);
  require(per_ > 0 || from, ErrorCode::kInvalidArgument,
          "a warm-up to a fixed rate needs the rate it starts from");
  require(!from || *from >= 0, ErrorCode::kInvalidArgument,
          "a warm-up cannot start from the negative rate {}", from.value_or(0));
  LearningRateSchedule schedule = *this;
  schedule.warmup_ = kind;
  schedule.warmup_epochs_ = length.count;
  schedule.from_ = from;
  return schedule;
}

LearningRateSchedule LearningRateSchedule::warmup(Epochs length, std::optional<float> from) const {
  return with_warmup(Warmup::kGradual, length, from);
}

LearningRateSchedule LearningRateSchedule::constant_warmup(Epochs length,
                                                           std::optional<float> from) const {
  return with_warmup(Warmup::kConstant, length, from);
}

LearningRateSchedule LearningRateSchedule::decay(float gamma, Milestones milestones) const {
  const std::vector<double>& epochs = milestones.epochs;
  require(gamma > 0 && !epochs.empty() && epochs.front() > 0 && std::ranges::is_sorted(epochs),
          ErrorCode::kInvalidArgument,
          "decay needs a positive factor and positive, ascending milestones; found {} at epochs "
          "[{}]",
          gamma, fmt::join(epochs, ", "));
  LearningRateSchedule schedule = *this;
  schedule.decay_ = Decay::kStep;
  schedule.gamma_ = gamma;
  schedule.milestones_ = std::move(milestones.epochs);
  return schedule;
}

LearningRateSchedule LearningRateSchedule::poly_decay(float power, Epochs total, float end) const {
  require(power > 0, ErrorCode::kInvalidArgument, "poly decay needs a positive power, found {}",
          power);
  LearningRateSchedule schedule = cosine_decay(total, end);
  schedule.decay_ = Decay::kPoly;
  schedule.power_ = power;
  return schedule;
}

LearningRateSchedule LearningRateSchedule::cosine_decay(Epochs total, float end) const {
  require(total.count > 0 && end >= 0 && end <= 1, ErrorCode::kInvalidArgument,
          "decay needs a positive number of epochs and an end between 0 and 1 times the full rate; "
          "found {} and {}",
          total.count, end);
  LearningRateSchedule schedule = *this;
  schedule.decay_ = Decay::kCosine;
  schedule.total_epochs_ = total.count;
  schedule.end_ = end;
  return schedule;
}

float LearningRateSchedule::rate(int64_t batch) const {
  if (per_ == 0) return rate_;
  return static_cast<float>(static_cast<double>(rate_) * static_cast<double>(batch) /
                            static_cast<double>(per_));
}

bool LearningRateSchedule::counts_epochs() const {
  return warmup_ != Warmup::kNone || decay_ != Decay::kNone;
}

float LearningRateSchedule::start_multiplier(float full_rate) const {
  // The paper warms up from the reference rate, and only where the batch is larger than that of the
  // reference; a smaller one starts at its own, smaller rate.
  float start = from_.value_or(std::min(rate_, full_rate));
  return static_cast<float>(static_cast<double>(start) / full_rate);
}

std::vector<OpArg> LearningRateSchedule::args(int64_t batch, int64_t epoch_size) const {
  const float full_rate = rate(batch);
  std::vector<OpArg> args{{"base_lr", full_rate}};
  if (!counts_epochs()) {
    args.push_back({"policy", "fixed"});
    return args;
  }
  require(epoch_size > 0, ErrorCode::kInvalidArgument,
          "the schedule counts epochs: say with epoch_size() how many samples one has");
  args.insert(args.end(),
              {{"policy", "epochs"}, {"batch_size", batch}, {"epoch_size", epoch_size}});
  if (warmup_ != Warmup::kNone) {
    args.push_back({"warmup", warmup_ == Warmup::kGradual ? "gradual" : "constant"});
    args.push_back({"warmup_epochs", warmup_epochs_});
    args.push_back({"start_multiplier", start_multiplier(full_rate)});
  }
  switch (decay_) {
    case Decay::kNone:
      break;
    case Decay::kStep:
      require(milestones_.front() >= warmup_epochs_, ErrorCode::kInvalidArgument,
              "the rate cannot drop at epoch {} while it warms up until epoch {}",
              milestones_.front(), warmup_epochs_);
      args.push_back({"decay", "step"});
      args.push_back({"gamma", gamma_});
      args.push_back({"milestones", std::vector<float>(milestones_.begin(), milestones_.end())});
      break;
    case Decay::kPoly:
    case Decay::kCosine:
      require(total_epochs_ > warmup_epochs_, ErrorCode::kInvalidArgument,
              "decay until epoch {} leaves nothing after a warm-up of {} epochs", total_epochs_,
              warmup_epochs_);
      args.push_back({"decay", decay_ == Decay::kPoly ? "poly" : "cosine"});
      args.push_back({"epochs", total_epochs_});
      if (decay_ == Decay::kPoly) args.push_back({"power", power_});
      args.push_back({"end_multiplier", end_});
      break;
  }
  return args;
}

}  // namespace headrace
