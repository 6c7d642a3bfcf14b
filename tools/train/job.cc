#include "tools/train/job.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

#include "core/error.h"
#include "core/proto/net_io.h"
#include "core/proto/netron.h"
#include "net_builders/accumulation.h"
#include "tools/environment.h"
#include "tools/text/json_optional.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool is_best(const std::vector<EpochResult>& epochs) {
  return std::ranges::all_of(epochs.begin(), epochs.end() - 1, [&](const EpochResult& earlier) {
    return earlier.test_accuracy < epochs.back().test_accuracy;
  });
}

std::optional<double> mean_accuracy(const Training::Step& step, const Meter& meter) {
  return step.accuracy ? std::optional(meter.accuracy()) : std::nullopt;
}

}  // namespace

TrainJob::TrainJob(TrainFlags& flags, Job& ranks, StopSignal& stop)
    : flags_(flags),
      ranks_(ranks),
      folder_(flags.folder),
      files_(folder_, ranks.rank()),
      progress_(leads() ? progress_style() : Progress::Style::kNone),
      stop_(stop),
      began_(Clock::now()) {}

void TrainJob::write_log(const Json& event) {
  if (log_ != nullptr) log_->write(event);
}

std::filesystem::path TrainJob::file(const std::string& suffix) const {
  return folder_ / (name_ + suffix);
}

double TrainJob::seconds() const { return earlier_seconds_ + seconds_since(began_); }

void TrainJob::tell_how_it_begins() {
  const bool restarted = ranks_.restart() > 0;
  if (!goes_on_ && !restarted) return;
  std::string text = restarted ? fmt::format("restart {}: ", ranks_.restart()) : "";
  if (goes_on_) {
    text +=
        fmt::format("goes on after iteration {} of {}", count_text(training_->state().iteration),
                    count_text(training_->iterations()));
    if (!why_.empty()) text += ", with the last checkpoint that all ranks have: " + why_;
  } else {
    text += "begins anew, because there is no checkpoint yet";
    if (!why_.empty()) text += " that all ranks have: " + why_;
  }
  progress_.message(text);
}

void TrainJob::save_nets(const TrainingNets& nets) {
  save_net(nets.init, file("_init_net.pbtxt"));
  // A folder holds one form.
  const auto train_net = file("_train_net.pbtxt");
  const auto train_plan = file("_train_plan.pbtxt");
  if (nets.accumulate) {
    headrace::save(accumulation_plan(*nets.accumulate, nets.train), train_plan);
    std::filesystem::remove(train_net);
  } else {
    save_net(nets.train, train_net);
    std::filesystem::remove(train_plan);
  }
  save_net(nets.predict, file("_predict_net.pbtxt"));
}

void TrainJob::begin() {
  stop_.listen();
  Json event = {{"event", goes_on_ ? "resume" : "start"},
                {"model", name_},
                {"iterations", training_->iterations()},
                {"environment", environment()}};
  if (goes_on_) {
    training_->resume(*resumed_, flags_.allow_changes);
    earlier_seconds_ = training_->state().seconds;
    saved_ = id_of(training_->state());
    logged_.restore(training_->state().logged);
    resumed_.reset();
    if (goes_back_) files_.go_back();
    files_.drop_previous();
  } else {
    training_->start();
    files_.remove_all();
  }
  if (writes_nets() && leads()) save_nets(training_->nets());
  tell_how_it_begins();
  event["iteration"] = training_->state().iteration;
  event["setup"] = training_->state().setup;
  if (leads()) {
    log_ = std::make_unique<TrainLog>(folder_ / "log.jsonl",
                                      goes_on_ ? TrainLog::Mode::kAppend : TrainLog::Mode::kNew);
  }
  write_log(event);
}

std::optional<TrainReport> TrainJob::run() {
  try {
    set_up();
    begin();
    if (train()) return finish();
    stop();
    return std::nullopt;
  } catch (Error& error) {
    give_up(error);
    if (ranks_.size() > 1) error.on_rank(ranks_.rank());
    throw;
  }
}

/// False if it was asked to stop.
bool TrainJob::train() {
  while (!training_->finished()) {
    // Ranks stop together, behind a step.
    bool go_on = agreement_ || !stop_.requested();
    if (go_on && training_->epoch_ended()) {
      go_on = close_epoch();
    } else if (go_on) {
      if (agreement_) agreement_->ask(stop_.requested());
      make_steps();
      if (agreement_) go_on = !agreement_->answer();
    }
    if (!go_on) return false;
  }
  return true;
}

void TrainJob::give_up(const Error& error) {
  if (ranks_.size() > 1) ranks_.abort(error.what());
  progress_.clear();
  if (training_ == nullptr) return;
  try {
    write_log({{"event", "error"},
               {"iteration", training_->state().iteration},
               {"message", error.what()}});
  } catch (const Error& second) {
    spdlog::warn("the log does not say how it ended: {}", second.what());
  }
  if (error.code() == ErrorCode::kNumeric) {
    spdlog::info("a lower learning rate, a longer warm-up or clipped gradients may keep it finite");
  }
  if (saved_) spdlog::info("{} is in {}", describe(*saved_), files_.last().native());
}

void TrainJob::make_steps() {
  const auto start = Clock::now();
  const int64_t every = flags_.checkpoint_every;
  const int64_t before = training_->state().iteration;
  const auto steps = training_->steps(every > 0 ? every - before % every : flags_.unroll);
  const double took = seconds_since(start) / static_cast<double>(steps.size());
  // Whoever took part in these steps has written the checkpoint before them.
  files_.drop_previous();
  for (size_t k = 0; k < steps.size(); ++k) {
    note(before + static_cast<int64_t>(k) + 1, steps[k], took);
  }
  if (every > 0 && training_->state().iteration % every == 0) save();
}

void TrainJob::note(int64_t iteration, const Training::Step& step, double seconds) {
  for (Meter* meter : {&shown_, &logged_}) {
    meter->add(step.loss, step.accuracy.value_or(0), seconds);
  }
  if (iteration % flags_.log_every == 0) log_step(iteration, step);
  progress_.update({.iteration = iteration,
                    .iterations = training_->iterations(),
                    .epoch = static_cast<double>(iteration * flags_.nets.batch()) /
                             static_cast<double>(data_->samples),
                    .epochs = training_->epochs(),
                    .loss = shown_.loss(),
                    .accuracy = mean_accuracy(step, shown_),
                    .learning_rate = step.learning_rate,
                    .images_per_second = flags_.nets.batch() / shown_.seconds_per_iteration(),
                    .seconds_left = seconds_left()});
}

double TrainJob::seconds_left() const {
  const auto& state = training_->state();
  const auto iterations = static_cast<double>(training_->iterations() - state.iteration);
  const auto evaluations =
      static_cast<double>(training_->epochs() - static_cast<int64_t>(state.epochs.size()));
  return iterations * shown_.seconds_per_iteration() + evaluations * evaluation_seconds_;
}

void TrainJob::log_step(int64_t iteration, const Training::Step& step) {
  write_log({{"event", "step"},
             {"iteration", iteration},
             {"epoch", static_cast<double>(iteration * flags_.nets.batch()) /
                           static_cast<double>(data_->samples)},
             {"loss", logged_.loss()},
             {"accuracy", mean_accuracy(step, logged_)},
             {"learning_rate", step.learning_rate},
             {"images_per_second", flags_.nets.batch() / logged_.seconds_per_iteration()},
             {"seconds", seconds()}});
  logged_.reset();
}

bool TrainJob::close_epoch() {
  const auto start = Clock::now();
  const auto result = training_->evaluate([this] { return !agreement_ && stop_.requested(); });
  if (!result) return false;
  evaluation_seconds_ = seconds_since(start);
  Json event = to_json(*result);
  event["event"] = "epoch";
  event["iteration"] = training_->state().iteration;
  event["seconds"] = seconds();
  write_log(event);
  std::string text = fmt::format("epoch {}/{}: loss {:.4f}", result->epoch, training_->epochs(),
                                 result->train_loss);
  if (result->train_accuracy) {
    text += fmt::format(", accuracy {:.2f} %", 100 * *result->train_accuracy);
  }
  progress_.message(fmt::format("{}; test loss {:.4f}, accuracy {:.2f} %; {}", text,
                                result->test_loss, 100 * result->test_accuracy,
                                waiting_text(seconds())));
  // The last one last: whoever goes on from it has closed the epoch, with all that belongs to it.
  if (is_best(training_->state().epochs)) files_.save_best(checkpoint());
  save();
  return true;
}

Checkpoint TrainJob::checkpoint() const {
  Checkpoint checkpoint = training_->checkpoint();
  checkpoint.state.seconds = seconds();
  checkpoint.state.logged = logged_.sums();
  checkpoint.state.job = ranks_.name();
  return checkpoint;
}

void TrainJob::save() {
  // Twice the same would push out the one that another rank may be left with.
  const CheckpointId id = id_of(training_->state());
  if (saved_ == id) return;
  files_.save(checkpoint());
  saved_ = id;
}

int64_t TrainJob::runs_in_timeline() const {
  const int64_t runs = int64_t{flags_.trace_steps} * data_->order.cut.micro_batches;
  return (runs + flags_.unroll - 1) / flags_.unroll;
}

void TrainJob::write_timeline() {
  if (!timeline_) return;
  if (timeline_->empty()) {
    spdlog::warn("'{}' is not written: no iteration was left to run", flags_.trace);
    return;
  }
  const CommunicationTime time =
      timeline_->write(flags_.trace, {.process = "headrace train " + name_,
                                      .rank = ranks_.rank(),
                                      .world = ranks_.size(),
                                      .runs = runs_in_timeline()});
  write_log({{"event", "timeline"},
             {"runs", time.runs},
             {"seconds", time.seconds},
             {"hidden_communication", time.hidden},
             {"exposed_communication", time.exposed},
             {"exposed_share", time.exposed_share()}});
}

void TrainJob::stop() {
  progress_.clear();
  save();
  if (agreement_) ranks_.world()->group().barrier("end of training");
  files_.drop_previous();
  const int64_t iteration = training_->state().iteration;
  write_log({{"event", "stop"}, {"iteration", iteration}, {"seconds", seconds()}});
  progress_.message(fmt::format("stopped after iteration {} of {}; --resume goes on from {}",
                                count_text(iteration), count_text(training_->iterations()),
                                files_.last().native()));
  write_timeline();
}

TrainReport TrainJob::finish() {
  progress_.clear();
  TrainReport report{.rank = ranks_.rank(),
                     .seed = flags_.execution.seed,
                     .iteration = training_->state().iteration,
                     .epochs = training_->state().epochs,
                     .weights = file("_trained_init_net.pb"),
                     .predict_net = file("_trained_predict_net.pbtxt"),
                     .checkpoint = files_.last(),
                     .best_checkpoint = files_.best()};
  const NetDef init = training_->trained_init_net();
  if (agreement_) ranks_.world()->group().barrier("end of training");
  files_.drop_previous();
  report.seconds = seconds();
  if (leads()) save_trained(init, report);
  // What can go wrong here costs nothing but the timeline.
  write_timeline();
  return report;
}

void TrainJob::save_trained(const NetDef& init, const TrainReport& report) {
  save_net(init, report.weights);
  save_net(training_->nets().predict, report.predict_net);
  for (const std::string& line : netron_problems(init, FileFormat::kBinary, NetRole::kInit)) {
    spdlog::warn("{}: {}", report.weights.native(), line);
  }
  Json event = to_json(report);
  event["event"] = "end";
  write_log(event);
}

}  // namespace headrace::tools
