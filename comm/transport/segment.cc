#include "comm/transport/segment.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <new>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "comm/secret.h"
#include "core/error.h"

namespace headrace::comm {

/// What the memory starts with. Its number is not to be guessed: a file that carries it is the one
/// that was meant.
struct Segment::Head {
  Nonce number;
  uint64_t bytes;
};

namespace {

constexpr const char* kWhere = "shm/where";
constexpr const char* kFound = "shm/found";
constexpr const char* kAllFound = "shm/all found";

/// Where the next part of the memory begins.
size_t aligned(size_t bytes) {
  constexpr size_t kAlignment = alignof(Segment::Ring);
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::string as_text(const Nonce& number) {
  return {reinterpret_cast<const char*>(number.data()), number.size()};
}

}  // namespace

void Segment::Bell::ring_if_heard() {
  if (listeners.load() > 0) ring();
}

void Segment::Bell::ring() {
  rings.fetch_add(1);
  ::syscall(SYS_futex, &rings, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

void Segment::Bell::wait(uint32_t seen, std::chrono::steady_clock::time_point until) {
  const auto left = until - std::chrono::steady_clock::now();
  if (left.count() <= 0) return;
  const auto nanoseconds = std::chrono::ceil<std::chrono::nanoseconds>(left).count();
  const timespec time{.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000),
                      .tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000)};
  listeners.fetch_add(1);
  // The system compares once more: a ring in between ends the sleep before it begins.
  ::syscall(SYS_futex, &rings, FUTEX_WAIT, seen, &time, nullptr, 0);
  listeners.fetch_sub(1);
}

Segment::Segment(int rank, int size, int lanes, Store& store, Deadline deadline)
    : size_(size), lanes_(lanes) {
  const auto ranks = static_cast<size_t>(size);
  const size_t head = aligned(sizeof(Head));
  const size_t bells = aligned(sizeof(Bell) * ranks);
  const size_t memories = aligned(sizeof(Memory) * ranks);
  const size_t reads = aligned(ranks * ranks);
  bytes_ =
      head + bells + memories + reads + sizeof(Ring) * ranks * ranks * static_cast<size_t>(lanes);
  if (rank == 0) {
    create(store);
  } else {
    find(store, deadline);
  }
  auto* place = static_cast<std::byte*>(memory_) + head;
  bells_ = std::launder(reinterpret_cast<Bell*>(place));
  place += bells;
  memories_ = std::launder(reinterpret_cast<Memory*>(place));
  place += memories;
  reads_ = std::launder(reinterpret_cast<std::atomic<uint8_t>*>(place));
  rings_ = std::launder(reinterpret_cast<Ring*>(place + reads));
}

void Segment::meet(Store& store, Deadline deadline) {
  // Whoever comes last opens the door: rank 0 keeps the file until nobody needs its number.
  if (store.add(kFound, 1) == size_) store.set(kAllFound, "");
  store.get(kAllFound, deadline);
  file_.reset();
}

Segment::~Segment() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
}

void Segment::create(Store& store) {
  file_ = Descriptor(::memfd_create("headrace", MFD_CLOEXEC));
  require(file_ && ::ftruncate(file_.number(), static_cast<off_t>(bytes_)) == 0, ErrorCode::kIo,
          "no shared memory of {} bytes: {}", bytes_, std::strerror(errno));
  map(file_);
  // All zero is an empty ring and a silent bell: pages that nobody uses take no memory.
  Head head{.number = random_nonce(), .bytes = bytes_};
  std::memcpy(memory_, &head, sizeof head);
  store.set(
      kWhere,
      fmt::format("/proc/{}/fd/{}\n", ::getpid(), file_.number()).append(as_text(head.number)));
}

void Segment::find(Store& store, Deadline deadline) {
  const std::string where = store.get(kWhere, deadline);
  const size_t end = where.find('\n');
  const std::string path = where.substr(0, end);
  constexpr const char* kAdvice =
      "ranks that share memory are processes of one user on one host and in one container; use the "
      "transport tcp";
  require(
      end != where.npos && where.size() == end + 1 + sizeof(Nonce) && path.starts_with("/proc/"),
      ErrorCode::kCorrupt, "the store does not say where rank 0's memory is");
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  require(static_cast<bool>(file), ErrorCode::kUnsupported,
          "rank 0's memory {} is not here ({}): {}", path, std::strerror(errno), kAdvice);
  struct stat status {};
  require(::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode) &&
              static_cast<size_t>(status.st_size) == bytes_,
          ErrorCode::kUnsupported, "{} is not the memory of {} bytes that rank 0 has: {}", path,
          bytes_, kAdvice);
  map(file);
  Head head{};
  std::memcpy(&head, memory_, sizeof head);
  require(head.bytes == bytes_ && as_text(head.number) == where.substr(end + 1),
          ErrorCode::kUnsupported, "{} is another program's: {}", path, kAdvice);
}

void Segment::map(const Descriptor& file) {
  void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file.number(), 0);
  require(memory != MAP_FAILED, ErrorCode::kIo, "cannot map {} bytes of shared memory: {}", bytes_,
          std::strerror(errno));
  memory_ = memory;
}

}  // namespace headrace::comm
