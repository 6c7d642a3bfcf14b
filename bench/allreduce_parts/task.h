#pragma once

#include <string>
#include <vector>

#include "bench/allreduce_parts/measure.h"

namespace CLI {
class App;
}

namespace headrace::bench {

/// What every contender's program is asked for, and how it answers.
struct Task {
  std::string transport = "tcp";
  int ranks = 2;
  std::string sizes = "64,1K,4K,16K,64K,256K,1M,4M,16M,64M";
  bool json = false;
  MeasureOptions measure;      // sizes: of the text above, by run_rank()
  std::vector<double> bounds;  // seconds, by size; empty where none are known
};

/// --sizes, --seconds, --calls and --json.
void add_options(CLI::App& app, Task& task);

/// "64,4K,1M" as bytes. Throws kInvalidArgument for what is no size, or no whole number of float32.
std::vector<size_t> parse_sizes(const std::string& text);

/// Measures and, on rank 0, prints what was found, as a table or as JSON, under `name` ("Open MPI
/// 4.1.4"). 0 if every result was right.
int run_rank(Contender& contender, const Task& task, const std::string& name);

}  // namespace headrace::bench
