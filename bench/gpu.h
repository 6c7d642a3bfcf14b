#pragma once

#include <exception>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/device_backend.h"

namespace headrace::bench {

inline constexpr Device kGpu{DeviceKind::kCuda, 0};

/// main() of a benchmark that needs a GPU: reads its flags, and where there is no GPU says so
/// instead of measuring. `measure(json)` prints its table unless `json`, and returns its report.
template <typename Measure>
int run_on_gpu(CLI::App& app, int argc, char** argv, Measure&& measure) {
  bool json = false;
  app.option_defaults()->always_capture_default();
  app.add_flag("--json", json, "Print the figures as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    DeviceBackend& cuda = device_backend(DeviceKind::kCuda);
    nlohmann::ordered_json report;
    if (cuda.device_count() == 0) {
      const std::string why = "there is no GPU to measure: " + cuda.why_none();
      report = {{"skipped", why}};
      if (!json) fmt::print("skipped: {}\n", why);
    } else {
      report = measure(json);
    }
    if (json) std::cout << report.dump(2) << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "bench: " << error.what() << '\n';
    return 1;
  }
}

}  // namespace headrace::bench
