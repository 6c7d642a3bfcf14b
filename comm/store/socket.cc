#include "comm/store/socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"

namespace headrace::comm {
namespace {

using std::chrono::steady_clock;

using Addresses = std::unique_ptr<addrinfo, void (*)(addrinfo*)>;

/// None where the name is not known now and may be later: a pod starts before its name is known.
Addresses try_resolve(const HostPort& endpoint, int flags, std::string& reason) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
  if (error != 0) {
    reason = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
    require(error == EAI_AGAIN || error == EAI_NONAME || error == EAI_NODATA,
            ErrorCode::kUnavailable, "no address is known for the host '{}': {}", endpoint.host,
            reason);
    found = nullptr;
  }
  return {found, [](addrinfo* list) {
            if (list != nullptr) freeaddrinfo(list);
          }};
}

Addresses resolve(const HostPort& endpoint, int flags) {
  std::string reason;
  Addresses addresses = try_resolve(endpoint, flags, reason);
  require(addresses != nullptr, ErrorCode::kUnavailable,
          "no address is known for the host '{}': {}", endpoint.host, reason);
  return addresses;
}

std::string numeric(const sockaddr* address, socklen_t length) {
  char text[NI_MAXHOST];
  const int error = getnameinfo(address, length, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  require(error == 0, ErrorCode::kInternal, "getnameinfo: {}", gai_strerror(error));
  // A link-local address may carry its interface: fe80::1%eth0.
  return std::string(std::string_view(text).substr(0, std::string_view(text).find('%')));
}

int milliseconds_until(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, 1'000'000'000));
}

// False at the deadline.
bool wait_for(int socket, short events, Deadline deadline) {
  pollfd entry{.fd = socket, .events = events, .revents = 0};
  for (;;) {
    const int left = milliseconds_until(deadline);
    const int ready = poll(&entry, 1, left);
    if (ready > 0) return true;
    if (ready == 0 && steady_clock::now() >= deadline) return false;
    if (ready < 0 && errno != EINTR) {
      fail(ErrorCode::kIo, "poll on a socket: {}", std::strerror(errno));
    }
  }
}

// Connected, or the errno of why not.
int try_connect(const addrinfo& address, Deadline deadline, Descriptor& result) {
  Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  if (connect(socket.number(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno;
    if (!wait_for(socket.number(), POLLOUT, deadline)) return ETIMEDOUT;
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return error;
  }
  // A port of the range for outgoing connections can happen to meet itself.
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_length = sizeof own;
  socklen_t peer_length = sizeof peer;
  getsockname(socket.number(), reinterpret_cast<sockaddr*>(&own), &own_length);
  getpeername(socket.number(), reinterpret_cast<sockaddr*>(&peer), &peer_length);
  if (own_length == peer_length && std::memcmp(&own, &peer, own_length) == 0) return ECONNREFUSED;

  const int on = 1;
  setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(socket.number(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  result = std::move(socket);
  return 0;
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = other.release();
  }
  return *this;
}

int Descriptor::release() { return std::exchange(number_, -1); }

void Descriptor::reset() {
  if (number_ >= 0) close(release());
}

HostPort parse_host_port(std::string_view text, int default_port) {
  HostPort result;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    require(end != text.npos, ErrorCode::kInvalidArgument, "'{}' has '[' without ']'", text);
    result.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    has_port = port.starts_with(':');
    require(has_port || port.empty(), ErrorCode::kInvalidArgument,
            "'{}': a port follows ']' as :PORT", text);
    if (has_port) port.remove_prefix(1);
  } else {
    const size_t colon = text.find(':');
    require(colon == text.npos || text.find(':', colon + 1) == text.npos,
            ErrorCode::kInvalidArgument, "'{}': an IPv6 address stands in brackets, [ADDRESS]:PORT",
            text);
    has_port = colon != text.npos;
    result.host = text.substr(0, colon);
    if (has_port) port = text.substr(colon + 1);
  }
  require(!result.host.empty(), ErrorCode::kInvalidArgument, "'{}' names no host", text);
  require(has_port || default_port >= 0, ErrorCode::kInvalidArgument,
          "'{}' names no port; write HOST:PORT", text);
  result.port = default_port;
  if (has_port) {
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
    require(error == std::errc() && stop == port.data() + port.size() && result.port >= 0 &&
                result.port <= 65535,
            ErrorCode::kInvalidArgument, "'{}' is no port; expected 0 to 65535 in '{}'", port,
            text);
  }
  return result;
}

std::string to_string(const HostPort& endpoint) {
  const bool six = endpoint.host.find(':') != std::string::npos;
  return six ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
             : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

Listener listen_at(const HostPort& endpoint) {
  const Addresses addresses = resolve(endpoint, AI_PASSIVE);
  int error = 0;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    Listener listener;
    listener.socket =
        Descriptor(::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    error = errno;
    if (!listener.socket) continue;
    const int on = 1;
    // A store that is started again need not wait for old connections to be forgotten.
    setsockopt(listener.socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.socket.number(), address->ai_addr, address->ai_addrlen) != 0 ||
        listen(listener.socket.number(), SOMAXCONN) != 0) {
      error = errno;
      continue;
    }
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    getsockname(listener.socket.number(), reinterpret_cast<sockaddr*>(&own), &length);
    listener.address = numeric(reinterpret_cast<sockaddr*>(&own), length);
    listener.port =
        ntohs(own.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&own)->sin6_port
                                        : reinterpret_cast<const sockaddr_in*>(&own)->sin_port);
    return listener;
  }
  fail(error == EADDRINUSE ? ErrorCode::kState : ErrorCode::kIo, "cannot listen at {}: {}{}",
       to_string(endpoint), std::strerror(error),
       error == EADDRINUSE      ? "; another job or program is there, choose another port"
       : error == EADDRNOTAVAIL ? "; that is no address of this machine"
                                : "");
}

Descriptor connect_to(const HostPort& endpoint, Deadline deadline, std::string* address) {
  int error = 0;
  auto pause = std::chrono::milliseconds(5);
  for (;;) {
    std::string reason;
    const Addresses addresses = try_resolve(endpoint, 0, reason);
    for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
      Descriptor socket;
      error = try_connect(*one, deadline, socket);
      if (error != 0) continue;
      if (address != nullptr) *address = numeric(one->ai_addr, one->ai_addrlen);
      return socket;
    }
    const bool known = addresses != nullptr;
    const bool may_come = !known || error == ECONNREFUSED || error == ECONNRESET ||
                          error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
    require(may_come, ErrorCode::kUnavailable, "cannot connect to {}: {}", to_string(endpoint),
            std::strerror(error));
    const bool time_left = steady_clock::now() + pause < deadline;
    require(known || time_left, ErrorCode::kTimeout,
            "no address is known for the host '{}' before the deadline: {}", endpoint.host, reason);
    require(time_left, ErrorCode::kTimeout,
            "nobody answered at {} before the deadline ({}); is the process that listens there "
            "running, and does a firewall let the port through?",
            to_string(endpoint), std::strerror(error));
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds(200));
  }
}

void send_all(const Descriptor& socket, std::string_view bytes, Deadline deadline,
              std::string_view who) {
  while (!bytes.empty()) {
    const ssize_t count = send(socket.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      require(wait_for(socket.number(), POLLOUT, deadline), ErrorCode::kTimeout,
              "{} took nothing before the deadline", who);
    } else if (errno != EINTR) {
      fail(ErrorCode::kUnavailable, "the connection to {} is lost: {}", who, std::strerror(errno));
    }
  }
}

void receive_all(const Descriptor& socket, std::span<char> bytes, Deadline deadline,
                 std::string_view who) {
  while (!bytes.empty()) {
    const ssize_t count = recv(socket.number(), bytes.data(), bytes.size(), 0);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<size_t>(count));
    } else if (count == 0) {
      fail(ErrorCode::kUnavailable, "{} closed the connection", who);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      require(wait_for(socket.number(), POLLIN, deadline), ErrorCode::kTimeout,
              "{} did not answer before the deadline", who);
    } else if (errno != EINTR) {
      fail(ErrorCode::kUnavailable, "the connection to {} is lost: {}", who, std::strerror(errno));
    }
  }
}

}  // namespace headrace::comm
