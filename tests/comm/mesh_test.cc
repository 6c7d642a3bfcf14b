#include "comm/transport/mesh.h"

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>

#include "comm/host.h"
#include "comm/join.h"
#include "comm/store/host_of.h"
#include "comm/wire/hello.h"
#include "tests/support/expect_error.h"

// How ranks meet: what one does where another is out of reach, or slow. The test plays the others.
namespace headrace::comm {
namespace {

using testing::expect_error;

constexpr const char* kSecret = "the secret of this job";

MeshOptions member(int rank, double timeout) {
  return {.rank = rank, .size = 2, .secret = Secret(kSecret), .timeout = timeout};
}

TEST(Mesh, LoopbackOnAnotherMachineIsOutOfReach) {
  const auto store = make_memory_store();
  store->set("mesh/address/0", "127.0.0.1:9 other/boot other 0");
  expect_error(ErrorCode::kUnavailable, "rank 0 on other is reachable only on loopback",
               [&] { connect_mesh(member(1, 60), *store); });
  // Nor would rank 0 reach this one, if it is there.
  const auto second = make_memory_store();
  second->set("mesh/address/0", "192.0.2.1:9 other/boot other 0");
  const std::string text =
      expect_error(ErrorCode::kUnavailable, [&] { connect_mesh(member(1, 60), *second); });
  EXPECT_NE(text.find("rank 1 on "), text.npos) << text;
  EXPECT_NE(text.find("rank 0 is on other"), text.npos) << text;
}

TEST(Mesh, WhoDoesNotAnswerIsNamed) {
  std::string nobody;
  { nobody = to_string({"127.0.0.1", listen_at({"127.0.0.1", 0}).port}); }
  const auto store = make_memory_store();
  store->set("mesh/address/0", nobody + " " + this_machine() + " here 0");
  expect_error(ErrorCode::kTimeout, "rank 0: nobody answered at " + nobody,
               [&] { connect_mesh(member(1, 0.3), *store); });
}

// A rank that has been answered may have to call others before it goes on.
TEST(Mesh, WhoHasBeenAnsweredMayTakeItsTime) {
  const auto store = make_memory_store();
  store->set("mesh/address/1", "127.0.0.1:9 " + this_machine() + " here 0");
  Mesh mesh;
  std::string error;
  std::thread listener([&] {
    try {
      mesh = connect_mesh(member(0, 60), *store);
    } catch (const std::exception& thrown) {
      error = thrown.what();
    }
  });
  const Deadline deadline = deadline_in(60);
  const std::string value = store->get("mesh/address/0", deadline);
  const Descriptor socket = connect_to(parse_host_port(value.substr(0, value.find(' '))), deadline);
  const CallerHello hello{.membership = {.job = "headrace", .size = 2, .channels = 1},
                          .rank = 1,
                          .nonce = random_nonce()};
  const CallerHelloBytes said = encode(hello);
  send_all(socket, {reinterpret_cast<const char*>(said.data()), said.size()}, deadline, "rank 0");
  ListenerHelloBytes heard{};
  receive_all(socket, {reinterpret_cast<char*>(heard.data()), heard.size()}, deadline, "rank 0");
  const auto answer = decode_listener(heard);
  // Five seconds is what strangers get.
  std::this_thread::sleep_for(std::chrono::milliseconds(5500));
  char accepted = 0;
  if (answer) {
    const Proof proof =
        prove(Secret(kSecret), Side::kCaller, challenge(said, hello, answer->nonce));
    send_all(socket, {reinterpret_cast<const char*>(proof.data()), proof.size()}, deadline,
             "rank 0");
    receive_all(socket, {&accepted, 1}, deadline, "rank 0");
  }
  listener.join();
  EXPECT_TRUE(answer.has_value());
  EXPECT_EQ(accepted, 1);
  EXPECT_EQ(error, "");
}

TEST(Addresses, OfLoopback) {
  for (const char* address : {"127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(address)) << address;
  }
  for (const char* address : {"10.0.0.1", "::2", "fe80::1", "::ffff:10.0.0.1", "localhost", ""}) {
    EXPECT_FALSE(is_loopback(address)) << address;
  }
}

/// An IPv4 address of this machine that others may reach; empty if there is none.
std::string outer_address() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return "";
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const bool counts = entry->ifa_addr != nullptr && entry->ifa_addr->sa_family == AF_INET &&
                        (entry->ifa_flags & IFF_UP) != 0;
    if (!counts) continue;
    sockaddr_in address{};
    std::memcpy(&address, entry->ifa_addr, sizeof address);
    std::array<char, INET_ADDRSTRLEN> text{};
    inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
    if (!is_loopback(text.data())) return text.data();
  }
  return "";
}

TEST(Addresses, ThisMachineCallsItselfByItsOwn) {
  EXPECT_EQ(address_towards("127.0.0.1"), "127.0.0.1");
  const std::string outer = outer_address();
  EXPECT_TRUE(outer.empty() || address_towards(outer) == outer) << outer;
  expect_error(ErrorCode::kUnavailable, "no address is known",
               [] { address_towards("no-such-host.invalid"); });
}

/// A store in memory that says that a server has it.
class StoreOn final : public ServedStore {
 public:
  explicit StoreOn(std::string host) : host_(std::move(host)) {}
  std::string describe() const override { return "a store on " + host_; }
  std::string host() const override { return host_; }

 private:
  void do_set(std::string_view key, std::string_view value) override { inner_->set(key, value); }
  std::optional<std::string> do_wait(std::string_view key, Deadline deadline) override {
    return inner_->wait(key, deadline);
  }
  std::optional<std::string> do_try_get(std::string_view key) override {
    return inner_->try_get(key);
  }
  int64_t do_add(std::string_view key, int64_t amount) override { return inner_->add(key, amount); }
  std::string do_set_if_absent(std::string_view key, std::string_view value) override {
    return inner_->set_if_absent(key, value);
  }
  bool do_erase(std::string_view key) override { return inner_->erase(key); }

  std::string host_;
  std::shared_ptr<Store> inner_ = make_memory_store();
};

/// Where rank 0 of two tells the other that it is.
std::string told_address(const std::string& host, bool insecure) {
  const auto store = std::make_shared<StoreOn>(host);
  const auto seen = make_prefix_store(store, "job/");
  std::vector<std::string> errors(2);
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      try {
        join({.rank = rank, .size = 2, .insecure = insecure, .epoch = 0}, seen);
      } catch (const std::exception& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (std::thread& rank : ranks) rank.join();
  EXPECT_EQ(errors, std::vector<std::string>(2));
  const std::string value = store->try_get("job/world/0/mesh/address/0").value_or("");
  return value.substr(0, value.find(':'));
}

TEST(Addresses, RanksListenOnTheWayToTheStore) {
  EXPECT_EQ(told_address("127.0.0.1", true), "127.0.0.1");
  EXPECT_EQ(told_address("", true), "127.0.0.1");
  const std::string outer = outer_address();
  if (outer.empty()) GTEST_SKIP() << "this machine has no address that others reach";
  EXPECT_EQ(told_address(outer, true), outer);
  // Without a secret nobody else is spoken to.
  EXPECT_EQ(told_address(outer, false), "127.0.0.1");
}

}  // namespace
}  // namespace headrace::comm
