#include "comm/store/host_of.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

class PrefixStore final : public ServedStore {
 public:
  PrefixStore(std::shared_ptr<Store> store, std::string prefix)
      : store_(std::move(store)), prefix_(std::move(prefix)) {}

  std::string describe() const override {
    return fmt::format("{} under '{}'", store_->describe(), prefix_);
  }
  std::string host() const override { return host_of(*store_); }

 private:
  void do_set(std::string_view key, std::string_view value) override {
    store_->set(full(key), value);
  }
  std::optional<std::string> do_wait(std::string_view key, Deadline deadline) override {
    return store_->wait(full(key), deadline);
  }
  std::optional<std::string> do_try_get(std::string_view key) override {
    return store_->try_get(full(key));
  }
  int64_t do_add(std::string_view key, int64_t amount) override {
    return store_->add(full(key), amount);
  }
  std::string do_set_if_absent(std::string_view key, std::string_view value) override {
    return store_->set_if_absent(full(key), value);
  }
  bool do_erase(std::string_view key) override { return store_->erase(full(key)); }

  std::string full(std::string_view key) const {
    std::string text = prefix_;
    return text.append(key);
  }

  std::shared_ptr<Store> store_;
  std::string prefix_;
};

}  // namespace

std::shared_ptr<Store> make_prefix_store(std::shared_ptr<Store> store, std::string prefix) {
  require(store != nullptr, ErrorCode::kInvalidArgument, "a prefix needs a store to stand before");
  return std::make_shared<PrefixStore>(std::move(store), std::move(prefix));
}

}  // namespace headrace::comm
