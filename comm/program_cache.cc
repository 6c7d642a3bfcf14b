#include "comm/program_cache.h"

namespace headrace::comm {
namespace {

bool same_work(const Collective& a, const Collective& b) {
  return a.kind == b.kind && a.algorithm == b.algorithm && a.reduction == b.reduction &&
         a.dtype == b.dtype && a.wire == b.wire && a.root == b.root && a.count == b.count &&
         a.segment == b.segment;
}

}  // namespace

std::shared_ptr<const Program> ProgramCache::get(Collective& collective) {
  int ranks_per_host = ranks_per_host_;
  if (collective.algorithm == Algorithm::kChoose || collective.segment == 0) {
    const Choice chosen = choice(collective);
    if (collective.algorithm == Algorithm::kChoose) {
      collective.algorithm = chosen.algorithm;
      if (chosen.algorithm == Algorithm::kTwoLevel) ranks_per_host = chosen.ranks_per_host;
    }
    if (collective.segment == 0) collective.segment = chosen.segment;
  }
  const uint64_t key = signature_of(collective, world_.size, ranks_per_host);
  const auto found = programs_.find(key);
  if (found != programs_.end() && same_work(found->second->collective, collective)) {
    return found->second;
  }
  if (programs_.size() >= kCapacity) programs_.clear();
  auto made = make_program(collective, world_, ranks_per_host);
  programs_[key] = made;
  return made;
}

}  // namespace headrace::comm
