// Memory that ranks of one host read from each other.
#include "comm/transport/regions.h"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "comm/store/open.h"
#include "comm/transport/shared_pages.h"
#include "comm/transport/shm.h"
#include "tests/comm/processes.h"
#include "tests/comm/wirings.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace headrace::comm {
namespace {

using testing::expect_error;
using ::testing::HasSubstr;
using testing::TempFolder;

const size_t kPage = static_cast<size_t>(sysconf(_SC_PAGESIZE));

std::string read_shared(const SharedPages& pages, size_t offset, size_t count) {
  std::string text(count, '\0');
  const auto& place = pages.place();
  const auto at = static_cast<off_t>(place.offset + offset);
  EXPECT_EQ(pread(place.file, text.data(), count, at), static_cast<ssize_t>(count));
  return text;
}

TEST(SharedPages, KeepTheirAddressAndTheirContents) {
  std::vector<char> memory(10 * kPage + 123);
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<char>(i * 7 + i / 251);
  const std::vector<char> before = memory;
  {
    const SharedPages pages(memory.data(), memory.size());
    EXPECT_EQ(memory, before);
    EXPECT_GE(pages.bytes(), 9 * kPage);
    EXPECT_EQ(pages.bytes() % kPage, 0u);
    EXPECT_GE(static_cast<void*>(pages.begin()), static_cast<void*>(memory.data()));
    // What is written here is there.
    pages.begin()[kPage + 5] = std::byte{'x'};
    EXPECT_EQ(read_shared(pages, kPage + 5, 1), "x");
    // And the file can become no shorter, or its readers would die.
    EXPECT_NE(ftruncate(pages.place().file, 0), 0);
    pages.begin()[kPage + 5] = static_cast<std::byte>(
        before[static_cast<size_t>(reinterpret_cast<char*>(pages.begin()) - memory.data()) + kPage +
               5]);
  }
  EXPECT_EQ(memory, before);
}

TEST(SharedPages, ArePrivateAgainAfterwards) {
  std::vector<char> memory(4 * kPage, 'a');
  int file = -1;
  {
    const SharedPages pages(memory.data(), memory.size());
    file = dup(pages.place().file);
  }
  std::fill(memory.begin(), memory.end(), 'b');
  char first = 0;
  EXPECT_EQ(pread(file, &first, 1, 0), 1);
  EXPECT_EQ(first, 'a');
  close(file);
}

// Several groups may know of one range, or of parts of it, and of less than a page.
TEST(SharedPages, AreSharedOnce) {
  std::vector<char> memory(16 * kPage, 'a');
  auto whole = SharedPages(memory.data(), memory.size());
  const auto part = SharedPages(memory.data() + 3 * kPage, 5 * kPage);
  EXPECT_EQ(part.place().file, whole.place().file);
  EXPECT_EQ(part.place().offset, static_cast<uint64_t>(part.begin() - whole.begin()));
  whole = SharedPages();
  *part.begin() = std::byte{'z'};
  EXPECT_EQ(read_shared(part, 0, 1), "z");
  EXPECT_EQ(SharedPages(memory.data() + 1, 10).bytes(), 0u);

  std::vector<char> other(32 * kPage);
  const auto middle = SharedPages(other.data() + 8 * kPage, 8 * kPage);
  expect_error(ErrorCode::kInvalidArgument, "shared already",
               [&] { SharedPages(other.data(), 12 * kPage); });
  expect_error(ErrorCode::kInvalidArgument, "shared already",
               [&] { SharedPages(other.data() + 12 * kPage, 12 * kPage); });
  expect_error(ErrorCode::kInvalidArgument, "shared already",
               [&] { SharedPages(other.data(), 32 * kPage); });
}

/// A segment that threads of this process have together.
struct Pair {
  Pair() {
    const auto store = make_memory_store();
    std::thread one([&] { second.emplace(1, 2, 1, *store, deadline_in(10)); });
    first.emplace(0, 2, 1, *store, deadline_in(10));
    one.join();
  }
  std::optional<Segment> first, second;
};

TEST(Regions, AreReadByPeers) {
  Pair pair;
  OwnRegions own(*pair.first, 0);
  PeerRegions peers(*pair.second, 1, 2);
  EXPECT_EQ(peers.refusal(0), "");

  std::vector<char> memory(8 * kPage + 100, 'm');
  own.add(memory.data(), memory.size());
  // The first page begins somewhere within; what is before it is not shared, and is said to be.
  const auto* data = reinterpret_cast<const std::byte*>(memory.data());
  auto found = own.find(data, memory.size());
  if (found.count == 0) {
    const size_t before = found.before;
    EXPECT_LT(before, kPage);
    found = own.find(data + before, memory.size() - before);
    memory[before] = 'n';
    EXPECT_EQ(*peers.at(0, found.region, found.generation, found.offset, found.count),
              std::byte{'n'});
  }
  EXPECT_GE(found.count, 7 * kPage);
  EXPECT_EQ(own.find(data + memory.size(), 10).count, 0u);

  // Nothing that a peer says leads out of its region.
  const auto refuse = [&](uint32_t region, uint32_t generation, uint64_t offset, uint64_t bytes) {
    expect_error(ErrorCode::kCorrupt, "rank 0",
                 [&] { peers.at(0, region, generation, offset, bytes); });
  };
  refuse(Segment::kRegions, 1, 0, 1);
  refuse(found.region, found.generation, 0, found.offset + found.count + 1);
  refuse(found.region, found.generation, found.offset + found.count, 1);
  refuse(found.region, found.generation, ~uint64_t{0}, 2);
  refuse(found.region, found.generation + 2, 0, 1);

  // Another region in the same place is another one.
  own.remove(memory.data());
  std::vector<char> next(3 * kPage, 'o');
  own.add(next.data(), next.size());
  const auto* inside = reinterpret_cast<const std::byte*>(next.data()) + kPage;
  const auto again = own.find(inside, 1);
  EXPECT_EQ(again.region, found.region);
  EXPECT_NE(again.generation, found.generation);
  refuse(found.region, found.generation, 0, 1);
  EXPECT_EQ(*peers.at(0, again.region, again.generation, again.offset, 1), std::byte{'o'});
  expect_error(ErrorCode::kInvalidArgument, [&] { own.add(next.data(), next.size()); });
  expect_error(ErrorCode::kInvalidArgument, [&] { own.remove(memory.data()); });
  own.remove(next.data());  // before it is freed
}

/// Processes that are ranks of a group over shared memory.
void connected(int rank, int size, const std::string& store_folder, double timeout,
               const std::function<void(Group&)>& body) {
  const auto store = open_file_store(store_folder);
  const GroupOptions options{.timeout = timeout};
  Group group(connect_shm({.rank = rank, .size = size}, options.concurrent, *store), options);
  body(group);
}

// The way that the bytes take makes no difference: the same bits for each type and operation,
// around the lengths of pages, chunks and messages, whatever some ranks have told their groups.
TEST(Regions, GiveTheBitsOfTheRing) {
  for (const int size : {2, 3, 4}) {
    const TempFolder folder;
    Processes processes;
    processes.start(size, [&](int rank) {
      connected(rank, size, folder / "store", 60, [&](Group& group) {
        std::mt19937 random(static_cast<unsigned>(rank));
        for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                                  DType::kBFloat16, DType::kInt32, DType::kInt64}) {
          for (const Reduction reduction : {Reduction::kSum, Reduction::kMax, Reduction::kMin}) {
            for (const size_t bytes : {size_t{48} * 1024 - 8, size_t{96} * 1024, 33 * kPage + 16,
                                       size_t{700'000}, size_t{3} << 20}) {
              const size_t count = bytes / size_of(dtype);
              // Not at the beginning of a page; halves that are numbers.
              std::vector<uint16_t> memory(bytes / 2 + kPage);
              uint16_t* const data = memory.data() + random() % 1000 * 4;
              for (size_t i = 0; i < bytes / 2; ++i) {
                data[i] = static_cast<uint16_t>(random()) & 0xbbff;
              }
              std::vector<uint16_t> original(data, data + bytes / 2);
              std::vector<uint16_t> result;
              for (const int known : {0, 1, 2}) {
                std::memcpy(data, original.data(), bytes);
                const bool mine = known == 1 || (known == 2 && rank % 2 == 0);
                std::optional<Region> region;
                if (mine) region.emplace(group, memory.data(), memory.size() * 2);
                group.run({.algorithm = Algorithm::kPairwise,
                           .reduction = reduction,
                           .dtype = dtype,
                           .data = data,
                           .count = count,
                           .segment = count / 7 + 1});
                if (known == 0) result.assign(data, data + bytes / 2);
                require(std::memcmp(result.data(), data, bytes) == 0, ErrorCode::kInternal,
                        "{} {} of {} bytes differ, known {}", name_of(reduction), name_of(dtype),
                        bytes, known);
              }
            }
          }
        }
      });
    });
    for (const auto& outcome : processes.wait(100)) EXPECT_EQ(outcome.status, 0) << outcome.error;
  }
}

// Killed while others read its memory: they read on without harm, and name it.
TEST(Regions, OfADeadRankHurtNobody) {
  for (int round = 0; round < 4; ++round) {
    const TempFolder folder;
    Processes processes;
    processes.start(3, [&](int rank) {
      connected(rank, 3, folder / "store", 30, [&](Group& group) {
        std::vector<float> values(4 << 20, static_cast<float>(rank));
        const Region region(group, values.data(), values.size() * sizeof(float));
        while (true) group.run({.data = values.data(), .count = values.size(), .name = "x"});
      });
    });
    open_file_store(folder / "store")->get("shm/all found", deadline_in(20));
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + 37 * round));
    processes.signal(1, SIGKILL);
    processes.mark();
    const auto outcomes = processes.wait(20);
    EXPECT_EQ(outcomes[1].status, 128 + SIGKILL);
    for (const int rank : {0, 2}) {
      const auto& outcome = outcomes[static_cast<size_t>(rank)];
      EXPECT_EQ(outcome.status, 1);
      EXPECT_THAT(outcome.error, HasSubstr("rank 1"));
      // The promise is two seconds; the machines of tests have other things to do.
      EXPECT_LT(outcome.seconds, 10);
    }
  }
}

// Whoever reads does not have to be waited for when a group fails, even one that is frozen.
TEST(Regions, OfFrozenRanksAreGivenUpAtTheDeadline) {
  const TempFolder folder;
  Processes processes;
  processes.start(3, [&](int rank) {
    connected(rank, 3, folder / "store", 1, [&](Group& group) {
      std::vector<float> values(4 << 20, static_cast<float>(rank));
      const Region region(group, values.data(), values.size() * sizeof(float));
      while (true) group.run({.data = values.data(), .count = values.size(), .name = "x"});
    });
  });
  open_file_store(folder / "store")->get("shm/all found", deadline_in(20));
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  processes.signal(1, SIGSTOP);
  processes.mark();
  const auto outcomes = processes.wait(20, {1});
  for (const int rank : {0, 2}) {
    const auto& outcome = outcomes[static_cast<size_t>(rank)];
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.error, HasSubstr("rank 1"));
  }
}

struct Listener final : TransportListener {
  void failed(const Failure& failure) override { reason = failure.reason, heard = true; }
  void told(const Failure&) override {}
  void mismatched(const Message&, uint32_t, const std::string& found) override {
    reason = found, heard = true;
  }
  std::string describe_op(uint32_t) override { return ""; }
  void described(int, uint32_t, const std::string&) override {}
  std::string reason;  // before `heard`
  std::atomic<bool> heard{false};
};

// What was lent and then given up may hold anything: it is not taken for a message.
TEST(Regions, ThatWereGivenUpAreNotBelieved) {
  const auto store = make_memory_store();
  std::unique_ptr<Transport> ranks[2];
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back(
        [&, rank] { ranks[rank] = connect_shm({.rank = rank, .size = 2}, 1, *store); });
  }
  for (auto& thread : threads) thread.join();
  Listener listeners[2];
  for (int rank = 0; rank < 2; ++rank) ranks[rank]->listen(listeners[rank]);

  std::vector<float> lent(1 << 20, 1);
  std::vector<float> copy(lent.size());
  ranks[0]->add_region(lent.data(), lent.size() * sizeof(float));
  auto message = [&](int peer, std::vector<float>& values) {
    Message made;
    made.peer = peer;
    made.data = reinterpret_cast<std::byte*>(values.data());
    made.bytes = values.size() * sizeof(float);
    return made;
  };
  Message sent = message(1, lent);
  Message received = message(0, copy);
  ranks[0]->send(sent);
  EXPECT_FALSE(sent.done);
  ranks[1]->receive(received);
  ranks[1]->poll();  // a piece
  ranks[0]->cancel();
  std::fill(lent.begin(), lent.end(), 2.0f);
  for (int i = 0; i < 100; ++i) ranks[1]->poll();
  EXPECT_FALSE(received.done);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!listeners[1].heard && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_THAT(listeners[1].reason, HasSubstr("rank 0 has given up"));
  ranks[0]->remove_region(lent.data());
  ranks[1]->cancel();
  for (auto& rank : ranks) rank->close();
}

// A rank that may not look into the memory of another says so, and takes the ring.
TEST(Regions, ThatCannotBeReadAreNot) {
  const TempFolder folder;
  constexpr uid_t kNobody = 65534;
  const bool root = geteuid() == 0;  // who may look everywhere
  if (root && chown(folder.path().c_str(), kNobody, kNobody) != 0) {
    GTEST_SKIP() << "there is nobody else than root here";
  }
  Processes processes;
  processes.start(2, [&](int rank) {
    if (root) require(setuid(kNobody) == 0, ErrorCode::kInternal, "cannot become nobody");
    prctl(PR_SET_DUMPABLE, rank == 0 ? 1 : 0);
    std::vector<std::string> warnings;
    const auto store = open_file_store(folder / "store");
    MeshOptions mesh{.rank = rank, .size = 2};
    mesh.warn = [&](const std::string& text) { warnings.push_back(text); };
    Group group(connect_shm(mesh, 1, *store), {.concurrent = 1, .timeout = 30});
    const std::string all = fmt::format("{}", fmt::join(warnings, "; "));
    const bool right =
        rank == 0 ? all.starts_with("rank 0 cannot read the memory of rank 1") : all.empty();
    require(right && warnings.size() <= 1, ErrorCode::kInternal, "warned of: {}", all);
    std::vector<float> values(1 << 20, static_cast<float>(rank + 1));
    const Region region(group, values.data(), values.size() * sizeof(float));
    group.run({.data = values.data(), .count = values.size(), .name = "x"});
    for (const float value : values) require(value == 3, ErrorCode::kInternal, "{}", value);
  });
  for (const auto& outcome : processes.wait(60)) EXPECT_EQ(outcome.status, 0) << outcome.error;
}

}  // namespace
}  // namespace headrace::comm
