#include <condition_variable>
#include <mutex>

#include "comm/store.h"
#include "comm/store/table.h"

namespace headrace::comm {
namespace {

class MemoryStore final : public Store {
 public:
  std::string describe() const override { return "in memory"; }

 private:
  std::optional<std::string> find(std::string_view key) const {
    const std::string* value = table_.find(key);
    return value ? std::optional(*value) : std::nullopt;
  }

  template <typename Change>
  auto change(Change&& operation) {
    std::lock_guard lock(mutex_);
    changed_.notify_all();  // they wake when the lock is free
    return operation();
  }

  void do_set(std::string_view key, std::string_view value) override {
    change([&] { table_.set(key, value); });
  }

  std::optional<std::string> do_wait(std::string_view key, Deadline deadline) override {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [&] { return table_.find(key) != nullptr; });
    return find(key);
  }

  std::optional<std::string> do_try_get(std::string_view key) override {
    std::lock_guard lock(mutex_);
    return find(key);
  }

  int64_t do_add(std::string_view key, int64_t amount) override {
    return change([&] { return table_.add(key, amount); });
  }

  std::string do_set_if_absent(std::string_view key, std::string_view value) override {
    return change([&] { return table_.set_if_absent(key, value); });
  }

  bool do_erase(std::string_view key) override {
    std::lock_guard lock(mutex_);
    return table_.erase(key);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Table table_;
};

}  // namespace

std::shared_ptr<Store> make_memory_store() { return std::make_shared<MemoryStore>(); }

}  // namespace headrace::comm
