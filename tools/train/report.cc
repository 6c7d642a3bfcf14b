#include "tools/train/report.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/text/json_optional.h"
#include "tools/text/statistics.h"
#include "tools/text/table.h"
#include "tools/text/units.h"

namespace headrace::tools {
namespace {

using Json = nlohmann::json;

std::string percent(double fraction) { return fmt::format("{:.2f} %", 100 * fraction); }

Json with_epochs(const TrainReport& report) {
  Json object = to_json(report);
  object["epochs"] = Json::array();
  for (const EpochResult& result : report.epochs) object["epochs"].push_back(to_json(result));
  return object;
}

template <typename Measure>
Statistics over_seeds(const std::vector<TrainReport>& reports, Measure measure) {
  std::vector<double> values;
  for (const TrainReport& report : reports) values.push_back(measure(report));
  return statistics_of(std::move(values));
}

Statistics test_errors(const std::vector<TrainReport>& reports) {
  return over_seeds(reports, [](const TrainReport& report) { return report.test_error(); });
}

Statistics median_errors(const std::vector<TrainReport>& reports) {
  return over_seeds(reports, [](const TrainReport& report) { return report.median_error(); });
}

Json mean_and_deviation(const Statistics& statistics) {
  return {{"mean", statistics.mean}, {"deviation", statistics.deviation}};
}

}  // namespace

int64_t TrainReport::median_of() const {
  return std::min<int64_t>(5, static_cast<int64_t>(epochs.size()));
}

double TrainReport::median_error() const {
  std::vector<double> errors;
  for (auto epoch = epochs.end() - median_of(); epoch != epochs.end(); ++epoch) {
    errors.push_back(1 - epoch->test_accuracy);
  }
  return headrace::tools::median_of(std::move(errors));
}

nlohmann::json to_json(const EpochResult& result) {
  return {{"epoch", result.epoch},
          {"train_loss", result.train_loss},
          {"train_accuracy", result.train_accuracy},
          {"test_loss", result.test_loss},
          {"test_accuracy", result.test_accuracy},
          {"learning_rate", result.learning_rate}};
}

nlohmann::json to_json(const TrainReport& report) {
  return {{"seed", report.seed},
          {"iteration", report.iteration},
          {"test_accuracy", report.epochs.back().test_accuracy},
          {"test_loss", report.epochs.back().test_loss},
          {"median_test_error", report.median_error()},
          {"median_of_epochs", report.median_of()},
          {"seconds", report.seconds},
          {"weights", report.weights.native()},
          {"predict_net", report.predict_net.native()},
          {"checkpoint", report.checkpoint.native()},
          {"best_checkpoint", report.best_checkpoint.native()}};
}

void print(const TrainReport& report) {
  fmt::print("test accuracy {} after {}\n", percent(report.epochs.back().test_accuracy),
             plural(report.epochs.back().epoch, "epoch"));
  if (report.median_of() > 1) {
    fmt::print("test error {}, median of the last {}\n", percent(report.median_error()),
               plural(report.median_of(), "epoch"));
  }
  fmt::print("parameters  {}\nnet         {}\ncheckpoint  {}\n", report.weights.native(),
             report.predict_net.native(), report.checkpoint.native());
}

void print_json(const TrainReport& report) { fmt::print("{}\n", with_epochs(report).dump(2)); }

void print(const std::vector<TrainReport>& reports) {
  using enum Table::Align;
  const std::string median_title =
      fmt::format("median of the last {}", plural(reports.front().median_of(), "epoch"));
  Table table({{"seed", kRight}, {"test error", kRight}, {median_title, kRight}, {"net"}});
  for (const TrainReport& report : reports) {
    table.add({std::to_string(report.seed), percent(report.test_error()),
               percent(report.median_error()), report.predict_net.native()});
  }
  const auto add = [&](const char* name, double Statistics::*member) {
    table.add(
        {name, percent(test_errors(reports).*member), percent(median_errors(reports).*member), ""});
  };
  add("mean", &Statistics::mean);
  add("std", &Statistics::deviation);
  fmt::print("{}", table.to_string());
}

void print_json(const std::vector<TrainReport>& reports) {
  Json runs = Json::array();
  for (const TrainReport& report : reports) runs.push_back(with_epochs(report));
  const Json object = {{"test_error", mean_and_deviation(test_errors(reports))},
                       {"median_test_error", mean_and_deviation(median_errors(reports))},
                       {"median_of_epochs", reports.front().median_of()},
                       {"seeds", runs}};
  fmt::print("{}\n", object.dump(2));
}

}  // namespace headrace::tools
