#include "bench/allreduce_parts/bound.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/allreduce_parts/local.h"
#include "comm/spin.h"
#include "comm/store/socket.h"
#include "core/error.h"

namespace headrace::bench {
namespace {

using Clock = std::chrono::steady_clock;
using comm::Descriptor;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// Sends `bytes` and receives as many. Neither gets far ahead of the other, so that what is on its
/// way stays in the cache; without that, long exchanges take twice as long.
void exchange(int socket, const std::vector<char>& out, std::vector<char>& in) {
  constexpr size_t kPiece = size_t{256} * 1024;
  size_t sent = 0;
  size_t received = 0;
  while (sent < out.size() || received < in.size()) {
    if (const size_t until = std::min(out.size(), received + 2 * kPiece); sent < until) {
      const ssize_t n =
          ::send(socket, out.data() + sent, until - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
    }
    if (received < in.size()) {
      const ssize_t n = ::recv(socket, in.data() + received, std::min(in.size() - received, kPiece),
                               MSG_DONTWAIT);
      require(n != 0, ErrorCode::kUnavailable, "the other end of the bare socket has gone");
      if (n > 0) received += static_cast<size_t>(n);
    }
  }
}

/// The least of many exchanges, for at most 0.1 s.
double least_exchange(int socket, size_t bytes, int rounds) {
  std::vector<char> out(bytes, 1);
  std::vector<char> in(bytes);
  double least = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    exchange(socket, out, in);
    least = std::min(least, seconds_since(begin));
  }
  return least;
}

void prepare(const Descriptor& socket) {
  const int on = 1;
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

double tcp_exchange(size_t bytes) {
  const int rounds =
      static_cast<int>(std::clamp<size_t>((size_t{64} << 20) / (bytes + 1), 4, 2000));
  const auto listener = comm::listen_at({"127.0.0.1", 0});
  int pipe_ends[2];
  require(::pipe(pipe_ends) == 0, ErrorCode::kIo, "no pipe");
  const int status = run_processes(2, [&](int rank) {
    Descriptor socket;
    if (rank == 1) {
      socket = comm::connect_to({"127.0.0.1", listener.port}, comm::deadline_in(10));
    } else {
      while (!socket) socket = Descriptor(::accept4(listener.socket.number(), nullptr, nullptr, 0));
    }
    prepare(socket);
    const double least = least_exchange(socket.number(), bytes, rounds);
    if (rank == 0 && ::write(pipe_ends[1], &least, sizeof least) != sizeof least) return 1;
    return 0;
  });
  double least = 0;
  const bool good = status == 0 && ::read(pipe_ends[0], &least, sizeof least) == sizeof least;
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
  require(good, ErrorCode::kInternal, "the bare exchange of {} bytes failed", bytes);
  return least;
}

double copy(size_t bytes) {
  std::vector<char> from(bytes + 1, 1);
  std::vector<char> to(bytes + 1, 2);
  const int rounds =
      static_cast<int>(std::clamp<size_t>((size_t{64} << 20) / (bytes + 1), 4, 2000));
  double least = 1e9;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    std::memcpy(to.data(), from.data(), bytes);
    asm volatile("" : : "r"(to.data()) : "memory");
    least = std::min(least, seconds_since(begin));
  }
  return least;
}

}  // namespace

double bound(const std::string& transport, int ranks, size_t bytes) {
  if (ranks == 1) return 0;
  const int busy = std::min(ranks, comm::usable_core_count());
  if (transport == "tcp") return tcp_exchange(bytes) * (ranks - 1) * 2 / busy;
  return copy(bytes) * 2 * (ranks - 1) / busy;
}

}  // namespace headrace::bench
