#include "tools/train/training.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <utility>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/net_io.h"
#include "core/rng.h"
#include "net_builders/data_parallel.h"
#include "tools/nets/given_tensors.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

std::string hex(uint64_t key) { return fmt::format("{:016x}", key); }

std::string fingerprint(const NetDef& net) {
  return hex(random_key(serialize(net, FileFormat::kBinary)));
}

/// The sessions of training guard their loss.
SessionOptions accumulation_session(const TrainingOptions& options) {
  SessionOptions session = options.session;
  session.compile.finite.push_back(options.blobs.loss);
  // What is random differs between ranks, and not from run to run.
  if (options.world != nullptr) {
    session.run.seed += static_cast<uint64_t>(options.world->rank()) * 0x9e3779b97f4a7c15u;
  }
  return session;
}

/// What the one that updates has measured is read after each step.
SessionOptions training_session(const TrainingOptions& options, const NetBlobs& measured) {
  SessionOptions session = accumulation_session(options);
  for (const std::string* name : {&measured.loss, &measured.accuracy, &measured.learning_rate}) {
    if (!name->empty()) session.compile.readable.names.push_back(*name);
  }
  return session;
}

SessionOptions unrolled_session(const TrainingOptions& options, const NetBlobs& measured) {
  SessionOptions session = training_session(options, measured);
  session.compile.unroll = {.steps = options.unroll,
                            .fed = {options.blobs.data, options.blobs.label}};
  return session;
}

/// Evaluation is not part of the timeline of training.
SessionOptions evaluation_session(const TrainingOptions& options) {
  SessionOptions session = options.session;
  session.run.trace = nullptr;
  return session;
}

double scalar(const Workspace& workspace, const std::string& blob) {
  return static_cast<double>(workspace.fetch(blob).item<float>());
}

/// The blob with the mean over all ranks of what each has in `blob`; itself where the net is for
/// one.
const std::string& over_all_ranks(const std::string& blob, const std::vector<std::string>& each,
                                  const std::vector<std::string>& means) {
  const auto found = std::ranges::find(each, blob) - each.begin();
  return found < static_cast<std::ptrdiff_t>(means.size()) ? means[static_cast<size_t>(found)]
                                                           : blob;
}

/// The blobs of a training net with loss and accuracy over all workers.
NetBlobs measured_blobs(NetBlobs blobs, const NetRoles& roles) {
  blobs.loss = over_all_ranks(blobs.loss, roles.losses, roles.mean_losses);
  blobs.accuracy = over_all_ranks(blobs.accuracy, roles.accuracies, roles.mean_accuracies);
  return blobs;
}

/// What differs between two setups, a line each.
std::vector<std::string> differences(const TrainingSetup& before, const TrainingSetup& now) {
  std::vector<std::string> lines;
  std::set<std::string> keys;
  for (const auto& [key, value] : before) keys.insert(key);
  for (const auto& [key, value] : now) keys.insert(key);
  for (const std::string& key : keys) {
    const auto was = before.find(key);
    const auto is = now.find(key);
    const std::string old_value = was == before.end() ? "nothing" : was->second;
    const std::string new_value = is == now.end() ? "nothing" : is->second;
    if (old_value != new_value)
      lines.push_back(fmt::format("{}: {}, now {}", key, old_value, new_value));
  }
  return lines;
}

int64_t count_iterations(double epochs, const TrainingData& data) {
  const double count = std::ceil(epochs * static_cast<double>(data.samples) /
                                 static_cast<double>(data.order.cut.samples()));
  constexpr double kMost = int64_t{1} << 53;  // beyond it a double does not count
  require(count <= kMost, ErrorCode::kInvalidArgument,
          "{} epochs are {} iterations, and more than {} cannot be counted", epochs, count, kMost);
  return static_cast<int64_t>(count);
}

int64_t number(const TrainingSetup& setup, const char* key) {
  const auto found = setup.find(key);
  return found == setup.end() ? 1 : std::strtoll(found->second.c_str(), nullptr, 10);
}

int64_t images_per_iteration(const TrainingSetup& setup) {
  return number(setup, "batch") * number(setup, "world") * number(setup, "micro-batches");
}

int64_t images_per_epoch(const TrainingSetup& setup) { return number(setup, "samples"); }

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

TrainingData::TrainingData(const DataSet& data, const TrainingOrder& order, int test_batch,
                           int ahead)
    : samples(data.train->size()),
      order(order),
      train(data, order, ahead),
      test(std::make_shared<EvaluationBatches>(data.test, Normalisation{data.mean, data.deviation},
                                               test_batch)) {}

Training::Training(TrainingNets nets, TrainingData& data, ThreadPool& pool, TrainingOptions options)
    : nets_(std::move(nets)),
      data_(data),
      options_(std::move(options)),
      roles_(read_roles(nets_.train)),
      measured_(measured_blobs(options_.blobs, roles_)),
      iterations_(count_iterations(options_.epochs, data)),
      pool_(pool),
      session_(nets_.train, workspace_, pool, training_session(options_, measured_)),
      evaluator_(nets_.predict, {options_.blobs.data, options_.blobs.prediction}, prediction_, pool,
                 evaluation_session(options_), data.test) {
  require(options_.unroll == 1 || !nets_.accumulate, ErrorCode::kInvalidArgument,
          "an iteration of {} micro-batches is several runs, so {} iterations cannot be one",
          data.order.cut.micro_batches, options_.unroll);
  if (options_.unroll != 1) {
    unrolled_.emplace(nets_.train, workspace_, pool, unrolled_session(options_, measured_));
  }
  if (nets_.accumulate) {
    accumulate_.emplace(*nets_.accumulate, workspace_, pool, accumulation_session(options_));
  }
  if (options_.world == nullptr) return;
  comm::put_world(options_.world, workspace_.slot(roles_.world).blob);
  evaluator_.share(options_.world);
  if (!roles_.statistics.empty()) {
    statistics_.emplace(mean_statistics_net(nets_.train), workspace_, pool_,
                        evaluation_session(options_));
  }
}

int64_t Training::epochs() const { return static_cast<int64_t>(std::ceil(options_.epochs)); }

int64_t Training::epochs_due() const {
  if (state_.iteration >= iterations_) return epochs();
  return state_.iteration * data_.order.cut.samples() / data_.samples;
}

bool Training::epoch_ended() const {
  const int64_t closed = state_.epochs.empty() ? 0 : state_.epochs.back().epoch;
  return epochs_due() > closed;
}

void Training::feed(int64_t batch, int step, int steps) {
  const Batch& samples = data_.train.take(batch);
  workspace_.feed(graph::step_name(options_.blobs.data, step, steps), samples.images);
  workspace_.feed(graph::step_name(options_.blobs.label, step, steps), samples.labels);
}

void Training::run(Session& session, int64_t micro_batch) {
  const int64_t batch = state_.iteration * data_.order.cut.micro_batches + micro_batch;
  feed(batch);
  options_.before_run(session);
  session.run(static_cast<uint64_t>(batch));
}

void Training::run_unrolled() {
  for (int k = 0; k < options_.unroll; ++k) feed(state_.iteration + k, k, options_.unroll);
  options_.before_run(*unrolled_);
  unrolled_->run(static_cast<uint64_t>(state_.iteration));
}

TrainingSetup Training::make_setup() {
  const TrainingOrder& order = data_.order;
  feed(state_.iteration * order.cut.micro_batches);
  TrainingSetup setup = options_.setup;
  setup["train net"] = fingerprint(nets_.train);
  setup["init net"] = fingerprint(nets_.init);
  setup["samples"] = std::to_string(data_.samples);
  setup["batch"] = std::to_string(order.cut.batch);
  setup["world"] = std::to_string(order.cut.world);
  setup["seed"] = std::to_string(order.seed);
  setup["shift"] = std::to_string(order.augmentation.shift);
  setup["flip"] = order.augmentation.flip ? "yes" : "no";
  setup["threads"] = std::to_string(pool_.threads());
  setup["plan"] = hex(random_key(session_.plan().to_string()));
  if (accumulate_) {
    setup["micro-batches"] = std::to_string(order.cut.micro_batches);
    setup["accumulate net"] = fingerprint(*nets_.accumulate);
    setup["accumulate plan"] = hex(random_key(accumulate_->plan().to_string()));
  }
  return setup;
}

void Training::start() {
  run_once(nets_.init, workspace_, pool_, data_.order.seed);
  check_prediction();
  state_.setup = make_setup();
}

void Training::resume(const Checkpoint& checkpoint, bool allow_changes) {
  // Makes what no file can hold, and says which tensors there have to be.
  run_once(nets_.init, workspace_, pool_, data_.order.seed);
  std::vector<std::string> problems;
  for (const std::string& name : state_names()) {
    const auto found = checkpoint.tensors.find(name);
    const TensorDesc expected = workspace_.find(name)->blob.tensor().desc();
    if (found == checkpoint.tensors.end()) {
      problems.push_back(name + " is missing");
    } else if (found->second.dtype() != expected.dtype || found->second.shape() != expected.shape) {
      problems.push_back(fmt::format("{} is {}, not {}", name, found->second.desc().to_string(),
                                     expected.to_string()));
    } else {
      workspace_.feed(name, found->second);
    }
  }
  require(problems.empty(), ErrorCode::kCorrupt, "the checkpoint is not one of this net:\n  {}",
          fmt::join(problems, "\n  "));
  check_prediction();

  state_ = checkpoint.state;
  if (options_.world != nullptr) {
    options_.world->agree("iteration in their checkpoints",
                          fmt::format("iteration {}", state_.iteration));
  }
  require(
      state_.iteration <= iterations_, ErrorCode::kState,
      "the checkpoint is of iteration {}, and {} would end with iteration {}: what it holds has "
      "been trained for longer. Ask for as many epochs as then, or more",
      count_text(state_.iteration), plural(epochs(), "epoch"), count_text(iterations_));
  const TrainingSetup now = make_setup();
  const auto changed = differences(state_.setup, now);
  require(changed.empty() || allow_changes, ErrorCode::kState,
          "training cannot go on bit for bit, because it was begun with something else:\n  {}\n"
          "Give the same flags as then, or --allow-changes",
          fmt::join(changed, "\n  "));
  for (const auto& [what, count] : {std::pair("the batch of all ranks", &images_per_iteration),
                                    std::pair("the number of samples", &images_per_epoch)}) {
    const int64_t then = count(state_.setup);
    require(then == count(now), ErrorCode::kState,
            "{} was {} and is {} now: iterations and epochs would mean something else. Give "
            "what it was, or begin anew",
            what, then, count(now));
  }
  state_.setup = now;
}

int64_t Training::iterations_left_in_epoch() const {
  const int64_t samples = data_.order.cut.samples();
  const int64_t end = ((epochs_due() + 1) * data_.samples + samples - 1) / samples;
  return std::min(end, iterations_) - state_.iteration;
}

std::vector<Training::Step> Training::steps(int64_t most) {
  const bool several = unrolled_ && options_.unroll <= std::min(most, iterations_left_in_epoch());
  if (several) {
    run_unrolled();
  } else {
    const int64_t last = data_.order.cut.micro_batches - 1;
    for (int64_t i = 0; i < last; ++i) run(*accumulate_, i);
    run(session_, last);
  }
  std::vector<Step> steps;
  const int count = several ? options_.unroll : 1;
  for (int k = 0; k < count; ++k) {
    steps.push_back(measured(k, count));
    this->count(steps.back());
  }
  return steps;
}

Training::Step Training::measured(int step, int steps) const {
  const auto value = [&](const std::string& blob) {
    return scalar(workspace_, graph::step_name(blob, step, steps));
  };
  Step result{.loss = value(measured_.loss), .accuracy = {}, .learning_rate = {}};
  if (!measured_.accuracy.empty()) result.accuracy = value(measured_.accuracy);
  if (!measured_.learning_rate.empty()) {
    result.learning_rate = std::abs(value(measured_.learning_rate));
  }
  return result;
}

void Training::count(const Step& step) {
  ++state_.iteration;
  state_.sums.loss += step.loss;
  state_.sums.accuracy += step.accuracy.value_or(0);
  state_.sums.learning_rate = step.learning_rate;
  ++state_.sums.iterations;
}

void Training::share_with_prediction() {
  std::map<std::string, std::string> averages;
  for (size_t i = 0; i < roles_.averages.size() && i < roles_.parameters.size(); ++i) {
    averages[roles_.parameters[i]] = roles_.averages[i];
  }
  for (const std::string& name : nets_.predict.external_input()) {
    if (name == options_.blobs.data) continue;
    const auto average = averages.find(name);
    std::string source = average == averages.end() ? name : average->second;
    const Slot* mean = statistics_ ? workspace_.find(name + "_mean") : nullptr;
    if (mean != nullptr && !mean->blob.empty() && contains(roles_.statistics, name)) {
      source = name + "_mean";
    }
    const Slot* slot = workspace_.find(source);
    require(slot != nullptr && !slot->blob.empty(), ErrorCode::kInvalidNet,
            "the prediction net reads '{}', which the init net '{}' does not make", source,
            nets_.init.name());
    prediction_.feed(name, slot->blob);
  }
}

void Training::check_prediction() {
  share_with_prediction();
  evaluator_.check();
}

void Training::average_statistics() {
  if (statistics_) statistics_->run(static_cast<uint64_t>(state_.iteration));
}

std::optional<EpochResult> Training::evaluate(const Evaluator::Stop& stop) {
  average_statistics();
  share_with_prediction();
  const auto test = evaluator_.run(stop);
  if (!test) return std::nullopt;
  const auto count = static_cast<double>(std::max<int64_t>(1, state_.sums.iterations));
  EpochResult result{.epoch = epochs_due(),
                     .train_loss = state_.sums.loss / count,
                     .train_accuracy = {},
                     .test_loss = test->loss(),
                     .test_accuracy = test->accuracy(),
                     .learning_rate = state_.sums.learning_rate};
  if (!measured_.accuracy.empty()) result.train_accuracy = state_.sums.accuracy / count;
  state_.epochs.push_back(result);
  state_.sums = {};
  return result;
}

std::vector<std::string> Training::state_names() const {
  std::set<std::string> names;
  for (const OperatorDef& op : nets_.init.op()) {
    for (const std::string& name : op.output()) {
      const Slot* slot = workspace_.find(name);
      if (slot != nullptr && slot->blob.is_tensor()) names.insert(name);
    }
  }
  for (const std::string& name : roles_.accumulators) names.erase(name);  // zero, as at the start
  return {names.begin(), names.end()};
}

Checkpoint Training::checkpoint() const {
  Checkpoint checkpoint{.state = state_, .tensors = {}};
  for (const std::string& name : state_names()) {
    checkpoint.tensors.emplace(name, workspace_.fetch(name));
  }
  return checkpoint;
}

NetDef Training::trained_init_net() {
  average_statistics();
  share_with_prediction();
  NetDef net;
  net.set_name(nets_.predict.name() + "_init");
  for (const std::string& name : nets_.predict.external_input()) {
    if (name != options_.blobs.data) add_given_tensor(net, name, prediction_.fetch(name));
  }
  return net;
}

}  // namespace headrace::tools
