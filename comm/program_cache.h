#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "comm/collective.h"
#include "comm/program.h"
#include "comm/schedule/schedule.h"

namespace headrace::comm {

/// Programs by what they do, so that the collectives of a training step are compiled once. Not
/// thread-safe.
class ProgramCache {
 public:
  using Choose = std::function<Choice(const Collective&, int size)>;

  /// `choose` fills in what a collective leaves open.
  ProgramCache(World world, int ranks_per_host, Choose choose)
      : world_(world), ranks_per_host_(ranks_per_host), choose_(std::move(choose)) {}

  Choice choice(const Collective& collective) const { return choose_(collective, world_.size); }

  /// The program of a collective, whose algorithm and segment are filled in. Throws like
  /// make_program().
  std::shared_ptr<const Program> get(Collective& collective);

 private:
  static constexpr size_t kCapacity = 4096;

  World world_;
  int ranks_per_host_;
  Choose choose_;
  struct Entry {
    Collective asked;  // before the choice
    std::shared_ptr<const Program> program;
  };
  std::unordered_map<uint64_t, Entry> entries_;
};

}  // namespace headrace::comm
