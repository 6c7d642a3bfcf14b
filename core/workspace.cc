#include "core/workspace.h"

#include <algorithm>
#include <set>

#include "core/text.h"

namespace headrace {
namespace {

/// What an outer workspace shows of a name: the slot, if it holds something or has held it.
Slot* seen_in(const Workspace* outer, std::string_view name) {
  Slot* slot = outer == nullptr ? nullptr : outer->find(name);
  // The version, not the content, which another run may be writing.
  return slot == nullptr || slot->version.load() == 0 ? nullptr : slot;
}

}  // namespace

bool Slot::try_lease_shared() {
  int count = leases_.load(std::memory_order_relaxed);
  while (count >= 0) {
    if (leases_.compare_exchange_weak(count, count + 1, std::memory_order_acquire)) return true;
  }
  return false;
}

bool Slot::try_lease_exclusive() {
  int expected = 0;
  return leases_.compare_exchange_strong(expected, -1, std::memory_order_acquire);
}

void Slot::release_shared() { leases_.fetch_sub(1, std::memory_order_release); }

void Slot::release_exclusive() { leases_.store(0, std::memory_order_release); }

Slot& Workspace::slot(std::string_view name) {
  if (Slot* found = find(name)) return *found;
  std::lock_guard lock(mutex_);
  auto found = slots_.find(name);
  if (found == slots_.end()) {
    found = slots_.emplace(std::string(name), std::make_unique<Slot>(std::string(name))).first;
  }
  return *found->second;
}

Slot* Workspace::find(std::string_view name) const {
  if (Slot* own = find_own(name)) return own;
  return seen_in(outer_, name);
}

Slot* Workspace::find_own(std::string_view name) const {
  std::lock_guard lock(mutex_);
  auto found = slots_.find(name);
  return found == slots_.end() ? nullptr : found->second.get();
}

std::vector<std::string> Workspace::names() const {
  std::set<std::string> names;
  if (outer_ != nullptr) {
    for (std::string& name : outer_->names()) names.insert(std::move(name));
  }
  std::lock_guard lock(mutex_);
  for (const auto& [name, slot] : slots_) {
    if (!slot->blob.empty()) names.insert(name);
  }
  return {names.begin(), names.end()};
}

void Workspace::feed(std::string_view name, Blob blob) {
  Slot& target = slot(name);
  require(target.try_lease_exclusive(), ErrorCode::kState,
          "cannot feed '{}' while a run uses it: wait for the run to end", name);
  target.blob = std::move(blob);
  target.version.fetch_add(1, std::memory_order_relaxed);
  target.release_exclusive();
}

Tensor Workspace::fetch(std::string_view name) const {
  if (Slot* source = find(name)) {
    require(source->try_lease_shared(), ErrorCode::kState,
            "cannot fetch '{}' while a run writes it: wait for the run to end", name);
    const auto release = [](Slot* slot) { slot->release_shared(); };
    const std::unique_ptr<Slot, decltype(release)> lease(source, release);
    try {
      if (!source->blob.empty()) return source->blob.tensor().plain().clone(Device{});
    } catch (Error& error) {
      throw error.on_blob(std::string(name));
    }
  }
  fail(ErrorCode::kNotFound, "no blob '{}' in the workspace{}", name, did_you_mean(name, names()));
}

bool Workspace::remove(std::string_view name) {
  Slot* target = find(name);
  if (target == nullptr) return false;
  require(target->try_lease_exclusive(), ErrorCode::kState,
          "cannot remove '{}' while a run uses it: wait for the run to end", name);
  bool held = !target->blob.empty();
  target->blob.reset();
  target->version.fetch_add(1, std::memory_order_relaxed);
  target->release_exclusive();
  return held;
}

void Workspace::clear() {
  std::vector<std::string> own;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, slot] : slots_) own.push_back(name);
  }
  for (const std::string& name : own) remove(name);
}

bool Workspace::hides_outer() const {
  std::lock_guard lock(mutex_);
  return std::ranges::any_of(
      slots_, [&](const auto& entry) { return seen_in(outer_, entry.first) != nullptr; });
}

void Workspace::mark_torn(std::string reason) {
  // What was half written may be the outer one's.
  if (outer_ != nullptr) return outer_->mark_torn(std::move(reason));
  std::lock_guard lock(mutex_);
  if (torn_.load()) return;
  torn_reason_ = std::move(reason);
  torn_.store(true);
}

void Workspace::clear_torn() {
  if (outer_ != nullptr) return outer_->clear_torn();
  std::lock_guard lock(mutex_);
  torn_reason_.clear();
  torn_.store(false);
}

void Workspace::check_whole() const {
  if (outer_ != nullptr) return outer_->check_whole();
  if (!torn_.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex_);
  fail(ErrorCode::kState,
       "the workspace is torn: a run failed after it had changed part of the state ({}); load the "
       "state again before the next run",
       torn_reason_);
}

}  // namespace headrace
