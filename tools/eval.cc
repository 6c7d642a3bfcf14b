#include <cmath>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "tools/checks.h"
#include "tools/command.h"
#include "tools/nets/loaded_net.h"
#include "tools/nets/net_flags.h"
#include "tools/text/units.h"
#include "tools/train/evaluator.h"
#include "tools/train/net_blobs.h"

namespace headrace::tools {
namespace {

struct EvalFlags {
  NetFlags net;
  NetBlobs blobs;
  ExecutionFlags execution;
  std::string data;
  std::string part = "test";
  int batch = 100;
  bool json = false;
};

void print(const Evaluation& result, const EvalFlags& flags) {
  const double rate = static_cast<double>(result.samples) / result.seconds;
  if (flags.json) {
    const nlohmann::json report = {{"samples", result.samples},
                                   {"correct", result.correct},
                                   {"accuracy", result.accuracy()},
                                   {"correct_top5", result.correct_top5},
                                   {"top5_accuracy", result.top5_accuracy()},
                                   {"loss", result.loss()},
                                   {"seconds", result.seconds},
                                   {"images_per_second", rate}};
    fmt::print("{}\n", report.dump(2));
    return;
  }
  fmt::print("accuracy {:.2f} % ({} of {}), top 5 {:.2f} %, loss {:.4f}, {} images/s\n",
             100 * result.accuracy(), count_text(result.correct), count_text(result.samples),
             100 * result.top5_accuracy(), result.loss(), count_text(std::llround(rate)));
}

int evaluate(EvalFlags& flags) {
  const DataSet data = open_data(flags.data);
  LoadedNet net(flags.net);
  const auto& outputs = net.net().external_output();
  flags.blobs.complete_for_prediction(net.roles(), {outputs.begin(), outputs.end()});
  auto batches =
      std::make_shared<EvaluationBatches>(flags.part == "test" ? data.test : data.train,
                                          Normalisation{data.mean, data.deviation}, flags.batch);
  ThreadPool pool(flags.execution.pool());
  Workspace workspace;
  workspace.feed(flags.blobs.data, batches->take(0).images);
  net.fill(workspace, pool, flags.execution.seed, LoadedNet::Missing::kRefuse);
  Evaluator evaluator(net.net(), {flags.blobs.data, flags.blobs.prediction}, workspace, pool,
                      flags.execution.session(pool), batches);
  print(*evaluator.run(), flags);
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<EvalFlags>();
  flags->net.add_to(app);
  app.add_option("--data", flags->data,
                 fmt::format("What to evaluate on:\n{}", fmt::join(data_kinds(), "\n")))
      ->required()
      ->type_name("SPEC");
  app.add_option("--part", flags->part, "Which images: 'test' or 'train'")
      ->check(CLI::IsMember({"test", "train"}));
  app.add_option("--batch", flags->batch, "Images per batch; the last one may hold less")
      ->check(whole_number(1));
  app.add_flag("--json", flags->json, "Print one JSON object");
  flags->execution.add_to(app);
  flags->blobs.add_prediction_flags(app);
  return [flags] { return evaluate(*flags); };
}

const RegisterCommand kEval("eval", "Measure the accuracy of a prediction net", set_up);

}  // namespace
}  // namespace headrace::tools
