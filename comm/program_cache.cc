#include "comm/program_cache.h"

namespace headrace::comm {
namespace {

bool same_work(const Collective& a, const Collective& b) {
  return a.kind == b.kind && a.algorithm == b.algorithm && a.reduction == b.reduction &&
         a.dtype == b.dtype && a.wire == b.wire && a.root == b.root && a.count == b.count &&
         a.segment == b.segment;
}

/// Cheaper than signature_of(), and equal wherever that is.
uint64_t key_of(const Collective& c, int ranks_per_host) {
  const uint64_t small = static_cast<uint64_t>(c.kind) | static_cast<uint64_t>(c.algorithm) << 8 |
                         static_cast<uint64_t>(c.reduction) << 16 |
                         static_cast<uint64_t>(c.dtype) << 24 |
                         static_cast<uint64_t>(c.wire) << 32 | static_cast<uint64_t>(c.root) << 40;
  uint64_t key = c.count * 0x9e3779b97f4a7c15 + c.segment * 0xbf58476d1ce4e5b9;
  key += small * 0x94d049bb133111eb + static_cast<uint64_t>(ranks_per_host);
  return key ^ key >> 32;
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
  const uint64_t key = key_of(collective, ranks_per_host);
  const auto found = programs_.find(key);
  if (found != programs_.end() && found->second->ranks_per_host == ranks_per_host &&
      same_work(found->second->collective, collective)) {
    return found->second;
  }
  if (programs_.size() >= kCapacity) programs_.clear();
  auto made = make_program(collective, world_, ranks_per_host);
  programs_[key] = made;
  return made;
}

}  // namespace headrace::comm
