#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "comm/store.h"
#include "comm/transport/inproc.h"
#include "comm/transport/shm.h"
#include "comm/transport/tcp.h"

namespace headrace::comm {
namespace {

/// More than a 32-bit length holds, signed or not.
constexpr size_t kBytes = (size_t{1} << 32) + 12344;

/// Memory that costs nothing as long as it is only read, but for the pages with marks.
class Sparse {
 public:
  Sparse()
      : data_(static_cast<std::byte*>(::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
    if (data_ == MAP_FAILED) throw std::runtime_error("no room for a sparse mapping");
    ::madvise(data_, kBytes, MADV_NOHUGEPAGE);
    for (const size_t mark : marks()) data_[mark] = std::byte{0x5a};
  }
  ~Sparse() { ::munmap(data_, kBytes); }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;

  std::byte* data() { return data_; }

  /// On both sides of where a length of 32 bits would wrap around.
  static std::vector<size_t> marks() {
    constexpr size_t kHalf = size_t{1} << 31;
    return {0, kHalf - 1, kHalf, 2 * kHalf - 1, 2 * kHalf, kBytes - 1};
  }

 private:
  std::byte* data_;
};

class Listener final : public TransportListener {
 public:
  void failed(const Failure& failure) override { ADD_FAILURE() << failure.reason; }
  void told(const Failure& failure) override { ADD_FAILURE() << failure.reason; }
  void mismatched(const Message&, uint32_t, const std::string& found) override {
    ADD_FAILURE() << found;
  }
  std::string describe_op(uint32_t) override { return {}; }
  void described(int, uint32_t, const std::string&) override {}
};

struct Received : Message {
  size_t next = 0;
  std::vector<size_t> marks;

  static void take_marks(Message& message, const std::byte* bytes, size_t offset, size_t count) {
    auto& mine = static_cast<Received&>(message);
    ASSERT_EQ(offset, mine.next);
    ASSERT_LE(count, kMaxPiece);
    mine.next += count;
    for (size_t i = 0; i < count;) {
      const void* found = std::memchr(bytes + i, 0x5a, count - i);
      if (found == nullptr) return;
      i = static_cast<size_t>(static_cast<const std::byte*>(found) - bytes) + 1;
      mine.marks.push_back(offset + i - 1);
    }
  }
};

void finish(Transport& transport, const Message& message) {
  while (!message.done) {
    if (transport.poll()) continue;
    transport.wait(std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
  }
}

void send_and_receive(const std::function<std::unique_ptr<Transport>(int rank)>& connect) {
  Received received;
  std::thread receiver([&] {
    const auto transport = connect(1);
    Listener listener;
    transport->listen(listener);
    received.peer = 0;
    received.bytes = kBytes;
    received.take = Received::take_marks;
    received.unit = 8;
    transport->receive(received);
    finish(*transport, received);
    transport->close();
  });
  {
    const auto transport = connect(0);
    Listener listener;
    transport->listen(listener);
    Sparse memory;
    Message message;
    message.peer = 1;
    message.data = memory.data();
    message.bytes = kBytes;
    transport->send(message);
    finish(*transport, message);
    receiver.join();
    transport->close();
  }
  EXPECT_EQ(received.next, kBytes);
  EXPECT_EQ(received.marks, Sparse::marks());
}

MeshOptions member(int rank) {
  return {.rank = rank, .size = 2, .secret = Secret("the secret of this job")};
}

TEST(LongMessages, GoThroughTcp) {
  const auto store = make_memory_store();
  send_and_receive([&](int rank) { return connect_tcp(member(rank), 1, *store); });
}

TEST(LongMessages, GoThroughSharedMemory) {
  const auto store = make_memory_store();
  send_and_receive([&](int rank) { return connect_shm(member(rank), 1, *store); });
}

TEST(LongMessages, GoThroughAProcess) {
  auto transports = make_inproc_transports(2, 1);
  send_and_receive([&](int rank) { return std::move(transports[static_cast<size_t>(rank)]); });
}

}  // namespace
}  // namespace headrace::comm
