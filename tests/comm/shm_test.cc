// Shared memory among processes. What it shares with other transports is in group_test.cc.
#include "comm/transport/shm.h"

#include <csignal>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "comm/group.h"
#include "comm/store/open.h"
#include "comm/transport/segment.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace::comm {
namespace {

using std::chrono::steady_clock;
using testing::expect_error;
using testing::TempFolder;

/// Processes that are ranks of a group; body(group, rank) returns the exit code, 1 on an Error.
class Ranks {
 public:
  Ranks(int size, const std::function<int(Group&, int)>& body, double timeout = 30)
      : timeout_(timeout) {
    for (int rank = 0; rank < size; ++rank) {
      ids_.push_back(fork());
      if (ids_.back() == 0) _exit(run(rank, size, body));
    }
  }
  ~Ranks() {
    for (const pid_t id : ids_) {
      if (id > 0 && kill(id, SIGKILL) == 0) waitpid(id, nullptr, 0);
    }
  }

  pid_t id(int rank) const { return ids_.at(static_cast<size_t>(rank)); }
  const TempFolder& folder() const { return folder_; }

  int wait(int rank) {
    int status = -1;
    waitpid(id(rank), &status, 0);
    ids_.at(static_cast<size_t>(rank)) = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string error_of(int rank) const {
    return testing::read_file(folder_ / ("error" + std::to_string(rank)));
  }

 private:
  int run(int rank, int size, const std::function<int(Group&, int)>& body) const {
    try {
      const auto store = open_file_store(folder_ / "store");
      const GroupOptions options{.timeout = timeout_};
      Group group(connect_shm({.rank = rank, .size = size}, options.concurrent, *store), options);
      return body(group, rank);
    } catch (const Error& error) {
      testing::write_file(folder_ / ("error" + std::to_string(rank)), error.what());
      return 1;
    }
  }

  double timeout_;
  TempFolder folder_;
  std::vector<pid_t> ids_;
};

void allreduce(Group& group, std::vector<int32_t>& values) {
  Collective collective;
  collective.dtype = DType::kInt32;
  collective.data = values.data();
  collective.count = values.size();
  group.run(collective);
}

// Around the length of a chunk, of the whole ring, and of both; the reference is the sum by hand.
TEST(Shm, ProcessesReduceTogether) {
  constexpr size_t kChunk = Segment::Slot::kBytes / sizeof(int32_t);
  constexpr size_t kRing = kChunk * Segment::Ring::kSlots;
  for (const int size : {1, 2, 3, 5}) {
    Ranks ranks(size, [size](Group& group, int rank) {
      for (const size_t count : {size_t{0}, size_t{1}, size_t{17}, kChunk - 1, kChunk, kChunk + 1,
                                 2 * kRing - 1, 2 * kRing, 2 * kRing + 1, 6 * kRing + 12345}) {
        std::vector<int32_t> values(count);
        for (size_t i = 0; i < count; ++i) values[i] = static_cast<int32_t>(i * 7) + rank * 1000;
        allreduce(group, values);
        for (size_t i = 0; i < count; ++i) {
          const auto all = static_cast<int32_t>(i * 7) * size + 1000 * size * (size - 1) / 2;
          if (values[i] != all) return 2;
        }
      }
      group.barrier();
      return 0;
    });
    for (int rank = 0; rank < size; ++rank) EXPECT_EQ(ranks.wait(rank), 0) << size;
  }
}

// A rank that is killed at any moment is named by all others within two seconds, and nothing of it
// stays where shared memory is.
TEST(Shm, ADeadRankIsNamed) {
  for (int round = 0; round < 5; ++round) {
    Ranks ranks(3, [](Group& group, int rank) {
      std::vector<int32_t> values(100'000, rank);
      for (;;) allreduce(group, values);
      return 0;
    });
    open_file_store(ranks.folder() / "store")->get("shm/all found", deadline_in(20));
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + 37 * round));
    kill(ranks.id(1), SIGKILL);
    const auto start = steady_clock::now();
    EXPECT_EQ(ranks.wait(1), 128 + SIGKILL);
    for (const int rank : {0, 2}) {
      EXPECT_EQ(ranks.wait(rank), 1);
      EXPECT_NE(ranks.error_of(rank).find("rank 1"), std::string::npos) << ranks.error_of(rank);
    }
    EXPECT_LT(std::chrono::duration<double>(steady_clock::now() - start).count(), 2);
  }
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    EXPECT_EQ(entry.path().filename().string().find("headrace"), std::string::npos);
  }
}

// What the store says is not believed blindly.
TEST(Shm, AnotherMemoryIsRefused) {
  const auto expect = [](const std::string& where, ErrorCode code) {
    const auto store = make_memory_store();
    store->set("shm/where", where);
    expect_error(code, [&] { Segment(1, 2, 1, *store, deadline_in(5)); });
  };
  const std::string number(sizeof(Nonce), 'n');
  expect("", ErrorCode::kCorrupt);
  expect("/etc/passwd\n" + number, ErrorCode::kCorrupt);
  expect("/proc/0/fd/3\n" + number, ErrorCode::kUnsupported);
  expect("/proc/self/exe\n" + number, ErrorCode::kUnsupported);

  // The right size and another number.
  const auto store = make_memory_store();
  std::thread zero([&] {
    expect_error(ErrorCode::kTimeout, [&] {
      const auto deadline = deadline_in(2);
      Segment(0, 2, 1, *store, deadline).meet(*store, deadline);
    });
  });
  std::string where = store->get("shm/where", deadline_in(5));
  where.back() = static_cast<char>(where.back() ^ 1);
  store->set("shm/where", where);
  expect_error(ErrorCode::kUnsupported, "another program's",
               [&] { Segment(1, 2, 1, *store, deadline_in(5)); });
  zero.join();
}

// A bell that rings between the look and the sleep is heard.
TEST(Shm, BellsAreHeard) {
  Segment::Bell bell;
  std::atomic<int> heard = 0;
  std::thread sleeper([&] {
    while (heard < 2000) {
      const uint32_t seen = bell.rings.load();
      if (static_cast<int>(seen) > heard) {
        heard = static_cast<int>(seen);
        continue;
      }
      bell.wait(seen, steady_clock::now() + std::chrono::seconds(20));
    }
  });
  const auto start = steady_clock::now();
  for (int i = 1; i <= 2000; ++i) {
    bell.ring();
    if (i % 3 == 0) {
      while (heard < i && heard < 2000) std::this_thread::yield();
    }
  }
  sleeper.join();
  EXPECT_LT(std::chrono::duration<double>(steady_clock::now() - start).count(), 15);
}

}  // namespace
}  // namespace headrace::comm
