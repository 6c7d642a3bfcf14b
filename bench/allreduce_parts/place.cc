#include "bench/allreduce_parts/place.h"

#include <filesystem>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "bench/allreduce_parts/local.h"
#include "core/error.h"

namespace headrace::bench {

void add_options(CLI::App& app, Task& task, Place& place) {
  app.option_defaults()->always_capture_default();
  app.add_option("--ranks", task.ranks, "Number of ranks")->check(CLI::Range(1, 4096));
  app.add_option("--rank", place.rank,
                 "Be this rank, of processes that are started one by one; -1: start all of them");
  app.add_option("--store", place.store, "Where they meet: file:DIR");
  app.add_option("--addr", place.address, "Address of this rank, for the others");
}

int run_ranks(const Task& task, const Place& place,
              const std::function<int(int rank, const std::string& store)>& one) {
  if (place.rank >= 0) {
    require(!place.store.empty(), ErrorCode::kInvalidArgument,
            "--rank makes this one of several processes, which meet in a --store");
    return one(place.rank, place.store);
  }
  std::string folder = (std::filesystem::temp_directory_path() / "allreduce-XXXXXX").string();
  require(::mkdtemp(folder.data()) != nullptr, ErrorCode::kIo, "cannot make a folder {}", folder);
  const int result =
      run_processes(task.ranks, [&](int rank) { return one(rank, "file:" + folder); });
  std::filesystem::remove_all(folder);
  return result;
}

std::string folder_of(const std::string& store) {
  constexpr std::string_view kFile = "file:";
  require(store.starts_with(kFile) && store.size() > kFile.size(), ErrorCode::kInvalidArgument,
          "these ranks meet in a folder, file:DIR, not in '{}'", store);
  return store.substr(kFile.size());
}

}  // namespace headrace::bench
