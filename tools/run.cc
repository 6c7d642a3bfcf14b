#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/error.h"
#include "core/npy.h"
#include "core/trace.h"
#include "graph/plan_runner.h"
#include "graph/session.h"
#include "net_builders/data_parallel.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/nets/loaded_net.h"
#include "tools/nets/net_flags.h"
#include "tools/nets/world_flags.h"
#include "tools/output_file.h"
#include "tools/timeline.h"

namespace headrace::tools {
namespace {

struct RunFlags {
  NetFlags net;
  ExecutionFlags execution;
  WorldFlags world;
  std::vector<std::string> outputs;
  std::vector<std::string> records;
  int iterations = 1;
  std::vector<std::string> losses;
  std::string trace;
};

/// The values of a blob in all iterations, stacked on a new first axis.
class Recording {
 public:
  explicit Recording(NamedValue target) : target_(std::move(target)) {}

  const std::string& blob() const { return target_.name; }
  const std::string& file() const { return target_.value; }

  void add(Tensor value) {
    if (!values_.empty() && values_.front().desc() != value.desc()) {
      fail(ErrorCode::kShapeMismatch,
           "--record {}: {} in iteration {}, {} before; what changes its shape cannot be stacked",
           blob(), value.desc().to_string(), values_.size(), values_.front().desc().to_string());
    }
    values_.push_back(std::move(value));
  }

  void write(int rank) const {
    const Tensor& first = values_.front();
    require(first.dtype() != DType::kString, ErrorCode::kUnsupported,
            "--record {}: strings cannot be stored in a .npy file", blob());
    std::vector<int64_t> dims = {static_cast<int64_t>(values_.size())};
    dims.insert(dims.end(), first.shape().begin(), first.shape().end());
    Tensor stacked(Shape(dims), first.dtype());
    auto* target = static_cast<std::byte*>(stacked.raw());
    for (const Tensor& value : values_) {
      std::memcpy(target, value.raw(), value.bytes());
      target += value.bytes();
    }
    write_npy(stacked, file_of_rank(target_.value, rank));
  }

 private:
  NamedValue target_;
  std::vector<Tensor> values_;
};

/// What the net alone can give is asked of it; what it does not know must be in the workspace.
void ask_for(const std::string& blob, const LoadedNet& net, const Workspace& workspace,
             CompileOptions& options) {
  const Slot* slot = workspace.find(blob);
  const bool elsewhere = slot != nullptr && !slot->blob.empty();
  if (net.knows(blob) || !elsewhere) options.readable.names.push_back(blob);
}

std::vector<std::string> losses_to_guard(const RunFlags& flags, const LoadedNet& net) {
  for (const std::string& loss : flags.losses) {
    require(net.knows(loss), ErrorCode::kNotFound, "--loss-blob: '{}' has no blob '{}'",
            flags.net.net, loss);
  }
  if (!flags.losses.empty()) return flags.losses;
  std::vector<std::string> losses = net.roles().losses;
  std::erase_if(losses, [&](const std::string& loss) { return !net.knows(loss); });
  return losses;
}

/// All nets of a file have to be for the ranks there are.
void require_world(const LoadedNet& net, int ranks) {
  if (net.plan() == nullptr) return headrace::require_world(net.net(), ranks);
  for (const NetDef& part : net.plan()->network()) {
    headrace::require_world(part, ranks);
  }
}

int run(const RunFlags& flags) {
  const auto outputs = parse_named(flags.outputs, "--output");
  std::vector<Recording> recordings;
  std::vector<NamedValue> written = outputs;
  for (NamedValue& record : parse_named(flags.records, "--record")) {
    written.push_back(record);
    recordings.emplace_back(std::move(record));
  }
  require_distinct(written, &NamedValue::value, "--output, --record");
  for (const NamedValue& output : outputs) check_folder(output.value, "--output");
  for (const Recording& recording : recordings) check_folder(recording.file(), "--record");
  if (!flags.trace.empty()) check_folder(flags.trace, "--trace");
  LoadedNet net(flags.net, LoadedNet::Accept::kNetOrPlan);
  ThreadPool pool(flags.execution.pool());
  Job job(flags.world);
  require_world(net, job.size());
  Workspace workspace;
  job.feed(workspace, net.roles().world);
  // Results of made-up numbers mean nothing: whoever wants results has to give the values.
  const bool wants_results = !outputs.empty() || !recordings.empty();
  net.fill(workspace, pool, flags.execution.seed,
           wants_results ? LoadedNet::Missing::kRefuse : LoadedNet::Missing::kMakeUp);

  SessionOptions options = flags.execution.session(pool);
  for (const NamedValue& output : outputs) ask_for(output.name, net, workspace, options.compile);
  for (const Recording& r : recordings) ask_for(r.blob(), net, workspace, options.compile);
  options.compile.finite = losses_to_guard(flags, net);
  std::optional<Timeline> timeline;
  std::function<void(Session&)> before_run;
  if (!flags.trace.empty()) {
    options.run.trace = &timeline.emplace(pool).recorder();
    before_run = [&timeline](Session& next) { timeline->will_run(next); };
  }

  std::optional<PlanRunner> plan;
  std::optional<Session> session;
  if (net.plan() != nullptr) {
    plan.emplace(*net.plan(), workspace, pool, options, before_run);
  } else {
    session.emplace(net.net(), workspace, pool, options);
  }
  for (int i = 0; i < flags.iterations; ++i) {
    if (plan) {
      plan->run();
    } else {
      if (before_run) before_run(*session);
      session->run(static_cast<uint64_t>(i));
    }
    for (Recording& recording : recordings) recording.add(workspace.fetch(recording.blob()));
  }
  for (const NamedValue& output : outputs) {
    write_npy(workspace.fetch(output.name), file_of_rank(output.value, job.rank()));
  }
  for (const Recording& recording : recordings) recording.write(job.rank());
  if (timeline) timeline->write(flags.trace, {.rank = job.rank(), .world = job.size()});
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<RunFlags>();
  flags->net.add_to(app);
  app.add_option(
         "--output", flags->outputs,
         "NAME=FILE.npy: write a blob, any blob, after the last iteration; rank R of several "
         "writes FILE-rankR.npy; repeatable")
      ->type_name("NAME=FILE")
      ->default_str("")
      ->allow_extra_args(false);
  app.add_option("--record", flags->records,
                 "NAME=FILE.npy: write a blob of every iteration, stacked on a new first axis; "
                 "rank R of several writes FILE-rankR.npy; repeatable")
      ->type_name("NAME=FILE")
      ->default_str("")
      ->allow_extra_args(false);
  app.add_option("--iterations", flags->iterations, "How often the net (or plan) runs")
      ->check(whole_number(1));
  app.add_option("--loss-blob", flags->losses,
                 "Stop before the backward pass if this blob is not finite; repeatable")
      ->type_name("BLOB")
      ->default_str("the losses that the net names")
      ->allow_extra_args(false);
  flags->execution.add_to(app);
  flags->world.add_to(app);
  app.add_option(
         "--trace", flags->trace,
         "Write a timeline (.json, Chrome trace format) for ui.perfetto.dev, of a plan with "
         "the runs of all its nets; rank R of several writes FILE-rankR")
      ->type_name("FILE")
      ->default_str("");
  return [flags] { return run(*flags); };
}

const RegisterCommand kRun("run", "Run a net, or a plan of several nets", set_up);

}  // namespace
}  // namespace headrace::tools
