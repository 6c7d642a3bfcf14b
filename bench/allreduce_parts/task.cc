#include "bench/allreduce_parts/task.h"

#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace headrace::bench {
namespace {

double algbw(const Measured& m) { return static_cast<double>(m.bytes) / m.p50 * 1e-9; }

/// Of what each rank sends at least, 2 (p - 1) / p of the vector.
double wire_share(const Task& task) { return 2.0 * (task.ranks - 1) / task.ranks; }

void print_table(const Task& task, const std::vector<Measured>& all) {
  fmt::print("{:>10} {:>12} {:>12} {:>12} {:>9} {:>9} {:>12} {:>12}  {}\n", "bytes", "min us",
             "p50 us", "p99 us", "algbw", "busbw", "cpu us", "bound us", "algorithm");
  for (size_t i = 0; i < all.size(); ++i) {
    const Measured& m = all[i];
    fmt::print("{:>10} {:>12.2f} {:>12.2f} {:>12.2f} {:>9.3f} {:>9.3f} {:>12.2f} {:>12}  {}{}\n",
               m.bytes, m.min * 1e6, m.p50 * 1e6, m.p99 * 1e6, algbw(m),
               algbw(m) * wire_share(task), m.cpu * 1e6,
               task.bounds.empty() ? "" : fmt::format("{:.2f}", task.bounds[i] * 1e6), m.algorithm,
               m.correct.value_or(true) ? "" : "  WRONG RESULT");
  }
}

void print_json(const Task& task, const std::vector<Measured>& all, const std::string& name) {
  nlohmann::ordered_json results = nlohmann::ordered_json::array();
  for (size_t i = 0; i < all.size(); ++i) {
    const Measured& m = all[i];
    const nlohmann::json bound_us =
        task.bounds.empty() ? nlohmann::json() : nlohmann::json(task.bounds[i] * 1e6);
    results.push_back({{"bytes", m.bytes},
                       {"calls", m.calls},
                       {"min_us", m.min * 1e6},
                       {"p50_us", m.p50 * 1e6},
                       {"p99_us", m.p99 * 1e6},
                       {"algbw_GBps", algbw(m)},
                       {"busbw_GBps", algbw(m) * wire_share(task)},
                       {"wire_bytes_per_rank", wire_share(task) * static_cast<double>(m.bytes)},
                       {"cpu_us_per_call", m.cpu * 1e6},
                       {"bound_us", bound_us},
                       {"algorithm", m.algorithm},
                       {"correct", m.correct ? nlohmann::json(*m.correct) : nlohmann::json()}});
  }
  const nlohmann::ordered_json document{{"name", name},
                                        {"transport", task.transport},
                                        {"ranks", task.ranks},
                                        {"results", std::move(results)}};
  std::cout << document.dump(2) << '\n';
}

}  // namespace

void add_options(CLI::App& app, Task& task) {
  app.option_defaults()->always_capture_default();
  app.add_option("--sizes", task.sizes, "Bytes to sum, such as 64,4K,1M");
  app.add_option("--seconds", task.measure.seconds, "Time for each size");
  app.add_option("--calls", task.measure.most_calls, "At most so many calls for each size");
  app.add_flag("--json", task.json, "Results as JSON");
}

std::vector<size_t> parse_sizes(const std::string& text) {
  std::vector<size_t> sizes;
  std::stringstream stream(text);
  for (std::string item; std::getline(stream, item, ',');) {
    size_t end = 0;
    size_t value = 0;
    try {
      value = std::stoull(item, &end);
    } catch (const std::exception&) {
      end = 0;
    }
    const std::string unit = item.substr(end);
    const bool known = unit.empty() || unit == "K" || unit == "M" || unit == "G";
    require(end > 0 && known, ErrorCode::kInvalidArgument,
            "'{}' is no size; write bytes, or 64K, 4M, 1G", item);
    value <<= unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : 0;
    require(value % sizeof(float) == 0, ErrorCode::kInvalidArgument,
            "{} bytes are no whole number of float32", item);
    sizes.push_back(value);
  }
  return sizes;
}

int run_rank(Contender& contender, const Task& task, const std::string& name) {
  MeasureOptions options = task.measure;
  options.sizes = parse_sizes(task.sizes);
  const auto all = measure(contender, options);
  if (contender.rank() == 0) {
    if (task.json) {
      print_json(task, all, name);
    } else {
      print_table(task, all);
    }
  }
  contender.sum(0);
  for (const Measured& m : all) {
    if (m.correct == false) return 1;
  }
  return 0;
}

}  // namespace headrace::bench
