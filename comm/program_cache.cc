#include "comm/program_cache.h"

namespace headrace::comm {
namespace {

bool same_work(const Collective& a, const Collective& b) {
  return a.kind == b.kind && a.algorithm == b.algorithm && a.reduction == b.reduction &&
         a.dtype == b.dtype && a.wire == b.wire && a.root == b.root && a.count == b.count &&
         a.segment == b.segment;
}

uint64_t key_of(const Collective& c) {
  const uint64_t small = static_cast<uint64_t>(c.kind) | static_cast<uint64_t>(c.algorithm) << 8 |
                         static_cast<uint64_t>(c.reduction) << 16 |
                         static_cast<uint64_t>(c.dtype) << 24 |
                         static_cast<uint64_t>(c.wire) << 32 | static_cast<uint64_t>(c.root) << 40;
  uint64_t key = c.count * 0x9e3779b97f4a7c15 + c.segment * 0xbf58476d1ce4e5b9;
  key += small * 0x94d049bb133111eb;
  return key ^ key >> 32;
}

}  // namespace

std::shared_ptr<const Program> ProgramCache::get(Collective& collective) {
  const uint64_t key = key_of(collective);
  const auto found = entries_.find(key);
  if (found != entries_.end() && same_work(found->second.asked, collective)) {
    const Program& program = *found->second.program;
    collective.algorithm = program.collective.algorithm;
    collective.segment = program.collective.segment;
    return found->second.program;
  }
  const Collective asked = collective;
  int ranks_per_host = ranks_per_host_;
  if (collective.algorithm == Algorithm::kChoose || collective.segment == 0) {
    const Choice chosen = choice(collective);
    if (collective.algorithm == Algorithm::kChoose) {
      collective.algorithm = chosen.algorithm;
      if (chosen.algorithm == Algorithm::kTwoLevel) ranks_per_host = chosen.ranks_per_host;
    }
    if (collective.segment == 0) collective.segment = chosen.segment;
  }
  if (entries_.size() >= kCapacity) entries_.clear();
  auto made = make_program(collective, world_, ranks_per_host);
  entries_[key] = {asked, made};
  return made;
}

}  // namespace headrace::comm
