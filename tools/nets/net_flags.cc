#include "tools/nets/net_flags.h"

#include <set>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "tools/checks.h"
#include "tools/help.h"

namespace headrace::tools {

NamedValue parse_named(const std::string& text, const std::string& flag) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
    throw CLI::ValidationError(flag, "expected NAME=VALUE, found '" + text + "'");
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::vector<NamedValue> parse_named(const std::vector<std::string>& texts,
                                    const std::string& flag) {
  std::vector<NamedValue> values;
  for (const std::string& text : texts) values.push_back(parse_named(text, flag));
  return values;
}

void require_distinct(const std::vector<NamedValue>& values, std::string NamedValue::*part,
                      const std::string& flag) {
  std::set<std::string> seen;
  for (const NamedValue& value : values) {
    if (seen.insert(value.*part).second) continue;
    throw CLI::ValidationError(flag, "'" + value.*part + "' is given twice");
  }
}

void NetFlags::add_to(CLI::App& flags) {
  flags
      .add_option(
          "NET", net,
          "The net: a .pb or .pbtxt file, or a model that Caffe2 exported: .minidb or .lmdb")
      ->required()
      ->type_name("FILE");
  flags
      .add_option("--init", inits,
                  "A net that is run once, before, to make parameters; repeat it for several")
      ->default_str("")
      ->type_name("FILE")
      ->allow_extra_args(false);
  flags
      .add_option("--input", inputs,
                  "NAME=FILE.npy, or NAME=random:2x3x224x224 for normally distributed numbers, or "
                  "NAME=random:32:int32:10 for integers from 0 to 9; repeat it for several")
      ->default_str("")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  flags
      .add_option("--shapes", shapes,
                  "JSON file of shapes, {\"conv1_w\": [64, 3, 7, 7], ...}, of blobs that neither "
                  "--init nor --input gives: they get random numbers")
      ->type_name("FILE")
      ->default_str("");
  flags
      .add_option("--device", device,
                  "cpu: run on the CPU what the net puts on GPUs; without it operators run where "
                  "the net says")
      ->check(CLI::IsMember({"cpu"}))
      ->default_str("");
}

void ExecutionFlags::add_to(CLI::App& flags) {
  const HelpGroup group(flags, "Execution");
  flags.add_option("--threads", threads, "Compute threads; 0 is one per CPU this process may use")
      ->check(whole_number(0));
  flags.add_flag("--pin", pin, "Bind every thread to a CPU of its own");
  flags
      .add_option("--executor", executor, "serial: one operator at a time, in the order of the net")
      ->check(CLI::IsMember({"parallel", "serial"}));
  flags.add_option("--seed", seed, "Keys everything random")->check(seed_number());
  flags.add_flag("--strict", strict,
                 "Refuse arguments that their operator does not know, instead of warning");
}

graph::BuildOptions ExecutionFlags::build() const {
  return {.strict = strict, .warn = [](const std::string& line) { spdlog::warn("{}", line); }};
}

SessionOptions ExecutionFlags::session(const ThreadPool& pool) const {
  SessionOptions options;
  options.compile.threads = pool.threads();
  options.compile.serial = executor == "serial";
  options.compile.warn = build().warn;
  options.strict = strict;
  options.run.seed = seed;
  return options;
}

}  // namespace headrace::tools
