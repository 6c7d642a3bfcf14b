#pragma once

#include <functional>
#include <string>

#include "bench/allreduce_parts/task.h"

namespace headrace::bench {

/// Whether a program starts its ranks on this machine, or is one of several.
struct Place {
  int rank = -1;      // -1: it starts all
  std::string store;  // "file:DIR"; others where the program knows them
  std::string address = "127.0.0.1";
};

/// --ranks, --rank, --store and --addr.
void add_options(CLI::App& app, Task& task, Place& place);

/// Runs one(rank, store) here if this is one rank, or in a pinned process for each, which meet in a
/// folder that is made for them. What it returned, or the first failure.
int run_ranks(const Task& task, const Place& place,
              const std::function<int(int rank, const std::string& store)>& one);

/// The folder of "file:DIR"; throws kInvalidArgument for another store.
std::string folder_of(const std::string& store);

}  // namespace headrace::bench
