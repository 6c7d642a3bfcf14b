#include "tests/comm/processes.h"

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comm/connect.h"
#include "comm/store/open.h"
#include "comm/wire/hello.h"
#include "core/error.h"
#include "tests/support/temp_folder.h"

// Ranks that are processes, on loopback: what the others report when one of them dies, freezes or
// does not belong here, and that strangers disturb nobody. Limits of time are those that are
// promised, with room for a machine that has other things to do.
namespace headrace::comm {
namespace {

using headrace::testing::TempFolder;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr double kLimit = 60;

MeshOptions member(int rank, int size) {
  return {.rank = rank, .size = size, .secret = Secret("the secret of this job"), .timeout = 30};
}

/// Sums without end, so that whatever happens happens in the middle of it.
void train(Group& group) {
  std::vector<float> data(300000);
  for (uint64_t step = 0;; ++step) {
    std::fill(data.begin(), data.end(), 1.0f);
    group.run({.data = data.data(), .count = data.size(), .name = "fc_w_grad", .step = step});
    for (float value : data) {
      require(value == static_cast<float>(group.size()), ErrorCode::kNumeric, "a wrong result");
    }
  }
}

/// Waits until all ranks have been connected for a while.
void until_ready(const TempFolder& folder, int ranks) {
  const auto store = open_file_store(folder.path());
  for (int rank = 0; rank < ranks; ++rank) {
    store->get("ready" + std::to_string(rank), deadline_in(kLimit));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
}

void train_member(const TempFolder& folder, const MeshOptions& mesh, const GroupOptions& options) {
  const auto store = open_file_store(folder.path());
  const auto group = connect_group("tcp", mesh, options, *store);
  group->barrier();
  store->set("ready" + std::to_string(mesh.rank), "");
  train(*group);
}

TEST(Processes, EverySurvivorNamesARankThatIsKilled) {
  for (int ranks : {2, 4}) {
    const TempFolder folder;
    Processes processes;
    processes.start(ranks, [&](int rank) { train_member(folder, member(rank, ranks), {}); });
    until_ready(folder, ranks);
    processes.mark();
    processes.signal(1, SIGKILL);
    const auto outcomes = processes.wait(kLimit);
    EXPECT_EQ(outcomes[1].status, 128 + SIGKILL);
    for (int rank = 0; rank < ranks; ++rank) {
      if (rank == 1) continue;
      const auto& outcome = outcomes[static_cast<size_t>(rank)];
      EXPECT_EQ(outcome.status, 1);
      EXPECT_LT(outcome.seconds, 2);
      EXPECT_THAT(
          outcome.error,
          AllOf(HasSubstr("rank 1 "), HasSubstr("'fc_w_grad'"), HasSubstr("training step"),
                AnyOf(HasSubstr("closed its connection"), HasSubstr("broke"), HasSubstr("reset"))));
    }
  }
}

TEST(Processes, ARankThatFreezesIsNamedAtTheDeadline) {
  const TempFolder folder;
  Processes processes;
  processes.start(3, [&](int rank) { train_member(folder, member(rank, 3), {.timeout = 1}); });
  until_ready(folder, 3);
  processes.mark();
  processes.signal(2, SIGSTOP);
  const auto outcomes = processes.wait(kLimit, {2});
  for (size_t rank : {0, 1}) {
    EXPECT_EQ(outcomes[rank].status, 1);
    EXPECT_GT(outcomes[rank].seconds, 0.8);
    EXPECT_LT(outcomes[rank].seconds, 4);
    EXPECT_THAT(outcomes[rank].error,
                AllOf(HasSubstr("did not end in 1 s"), HasSubstr("rank 2: no answer"),
                      HasSubstr("fc_w_grad")));
  }
  // Woken up again, it learns that it was left behind.
  processes.signal(2, SIGCONT);
  const auto late = processes.wait(kLimit);
  EXPECT_EQ(late[2].status, 1);
  EXPECT_THAT(late[2].error, HasSubstr("rank"));
}

TEST(Processes, AShortFreezeIsNoFailure) {
  const TempFolder folder;
  Processes processes;
  processes.start(2, [&](int rank) { train_member(folder, member(rank, 2), {.timeout = 20}); });
  until_ready(folder, 2);
  processes.signal(1, SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  processes.signal(1, SIGCONT);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto outcomes = processes.wait(0.1);
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.status, -1) << outcome.error;
}

/// Starts two ranks, of which rank 1 is changed, and expects both to give up, rank 1 at once.
void expect_refusal(const std::function<void(MeshOptions&)>& change, const std::string& reason) {
  const TempFolder folder;
  Processes processes;
  processes.start(2, [&](int rank) {
    MeshOptions mesh = member(rank, 2);
    mesh.timeout = rank == 0 ? 1 : 30;
    if (rank == 1) change(mesh);
    train_member(folder, mesh, {});
  });
  const auto outcomes = processes.wait(kLimit);
  EXPECT_EQ(outcomes[0].status, 1);
  EXPECT_EQ(outcomes[1].status, 1);
  EXPECT_LT(outcomes[1].seconds, 3);
  EXPECT_THAT(outcomes[1].error, HasSubstr(reason));
  EXPECT_THAT(outcomes[0].error, AllOf(HasSubstr("rank 1 did not connect"), HasSubstr("refused")));
}

TEST(Processes, WhoDoesNotBelongHereIsRefusedAndToldWhy) {
  expect_refusal([](MeshOptions& mesh) { mesh.secret = Secret("the secret of another job"); },
                 "does not have the secret");
  expect_refusal([](MeshOptions& mesh) { mesh.secret = Secret(); }, "does not have the secret");
  expect_refusal([](MeshOptions& mesh) { mesh.job = "another"; }, "this is job 'another'");
  expect_refusal([](MeshOptions& mesh) { mesh.epoch = 3; }, "this rank in 3");
}

TEST(Processes, WorldsOfDifferentSizesDoNotMix) {
  const TempFolder folder;
  Processes processes;
  // Rank 1 believes in three ranks, and the third is there too.
  processes.start(3, [&](int rank) {
    MeshOptions mesh = member(rank, rank == 0 ? 2 : 3);
    mesh.timeout = 3;
    train_member(folder, mesh, {});
  });
  const auto outcomes = processes.wait(kLimit);
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcomes[1].error, HasSubstr("its world has 2 ranks, this one 3"));
}

TEST(Processes, ARankExistsOnce) {
  const TempFolder folder;
  Processes processes;
  processes.start(2, [&](int rank) {
    if (rank == 1) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    MeshOptions mesh = member(0, 2);  // both
    mesh.timeout = 2;
    train_member(folder, mesh, {});
  });
  const auto outcomes = processes.wait(kLimit);
  EXPECT_THAT(outcomes[1].error, HasSubstr("rank 0 exists already"));
  EXPECT_THAT(outcomes[0].error, HasSubstr("rank 1 of 2 has not come"));
}

/// A connection of a stranger to `address` ("127.0.0.1:PORT").
Descriptor stranger(const std::string& address) {
  return connect_to(parse_host_port(address), deadline_in(10));
}

TEST(Processes, StrangersDisturbNobody) {
  const TempFolder folder;
  constexpr int kRanks = 3;
  Processes processes;
  processes.start(kRanks, [&](int rank) {
    // The last one comes late, so that strangers find the others waiting.
    if (rank == kRanks - 1) std::this_thread::sleep_for(std::chrono::milliseconds(700));
    train_member(folder, member(rank, kRanks), {});
  });
  const auto store = open_file_store(folder.path());
  const std::string value = store->get("mesh/address/0", deadline_in(kLimit));
  const std::string address = value.substr(0, value.find(' '));
  std::vector<Descriptor> silent;
  std::string garbage(100000, '\0');
  for (size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(i * 131 >> 3);
  CallerHello hello{.membership = {.job = "headrace", .size = 3, .channels = 5}, .rank = 1};
  hello.nonce = random_nonce();
  const auto bytes = encode(hello);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  auto say = [](const Descriptor& socket, std::string_view what) {
    // Whoever is cut off while it talks does not care.
    [[maybe_unused]] const auto sent =
        ::send(socket.number(), what.data(), what.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  };
  for (int i = 0; i < 300; ++i) {
    Descriptor socket = stranger(address);
    switch (i % 5) {
      case 0:  // a port scan
        break;
      case 1:
        say(socket, garbage);
        break;
      case 2:  // says nothing and stays
        silent.push_back(std::move(socket));
        break;
      case 3:  // half a hello
        say(socket, text.substr(0, 40));
        silent.push_back(std::move(socket));
        break;
      default:  // a good hello and no proof
        say(socket, text);
        say(socket, garbage);
        break;
    }
  }
  until_ready(folder, kRanks);
  const auto outcomes = processes.wait(0.2);
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.status, -1) << outcome.error;
}

/// What rank 0 reports whose only peer has the real secret, and then does this to its lane, and
/// lives on.
Processes::Outcome beside(const std::function<void(Descriptor& lane)>& act) {
  const TempFolder folder;
  Processes processes;
  processes.start(2, [&](int rank) {
    if (rank == 0) return train_member(folder, member(0, 2), {.concurrent = 1});
    const auto store = open_file_store(folder.path());
    MeshOptions options = member(1, 2);
    options.channels = 2;
    Mesh mesh = connect_mesh(options, *store);
    act(mesh.sockets[0][1]);
    std::this_thread::sleep_for(std::chrono::seconds(5));
  });
  return processes.wait(kLimit, {1})[0];
}

TEST(Processes, GarbageOnAConnectionOfTheGroupIsFound) {
  const auto outcome = beside(
      [](Descriptor& lane) { send_all(lane, std::string(200, 'x'), deadline_in(5), "rank 0"); });
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.error, HasSubstr("no header of headrace"));
}

TEST(Processes, AConnectionThatIsClosedUnderAGroupIsReported) {
  const auto outcome = beside([](Descriptor& lane) { lane.reset(); });
  EXPECT_EQ(outcome.status, 1);
  EXPECT_LT(outcome.seconds, 3);
  EXPECT_THAT(outcome.error, HasSubstr("rank 1"));
}

TEST(Processes, MoreRanksThanOpenFilesAreRefusedAtOnce) {
  const TempFolder folder;
  Processes processes;
  processes.start(1, [&](int) {
    const rlimit limit{.rlim_cur = 256, .rlim_max = 256};
    require(::setrlimit(RLIMIT_NOFILE, &limit) == 0, ErrorCode::kIo, "no limit");
    const auto store = open_file_store(folder.path());
    connect_group("tcp", member(0, 100), {}, *store);
  });
  const auto outcomes = processes.wait(kLimit);
  EXPECT_THAT(outcomes[0].error, AllOf(HasSubstr("need 687 open files"), HasSubstr("256")));
}

TEST(Processes, WithoutASecretOnlyThisMachineIsSpokenTo) {
  const TempFolder folder;
  const auto store = open_file_store(folder.path());
  MeshOptions options{.rank = 0, .size = 2, .address = "0.0.0.0"};
  try {
    connect_mesh(options, *store);
    FAIL() << "spoke to the world without a secret";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace headrace::comm
