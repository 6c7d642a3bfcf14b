#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comm/store.h"

namespace headrace::comm {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { reset(); }

  int number() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release();
  void reset();

 private:
  int number_ = -1;
};

/// "HOST:PORT" or "[IPV6]:PORT". A port that is not there is `default_port`; with -1 it must be.
struct HostPort {
  std::string host;
  int port = 0;
};
HostPort parse_host_port(std::string_view text, int default_port = -1);
std::string to_string(const HostPort& endpoint);

/// A non-blocking listening socket. Port 0 takes a free one.
struct Listener {
  Descriptor socket;
  std::string address;  // numeric, what require_secret() looks at
  int port = 0;
};
Listener listen_at(const HostPort& endpoint);

/// A connected, non-blocking socket with TCP_NODELAY. As long as nobody listens there, or the name
/// is not known, it tries again, until `deadline`: then kTimeout, with the last reason. `address`
/// becomes the numeric address.
Descriptor connect_to(const HostPort& endpoint, Deadline deadline, std::string* address = nullptr);

/// All of `bytes`, before `deadline` (kTimeout); kUnavailable if the peer is gone. `who` is the
/// peer in messages.
void send_all(const Descriptor& socket, std::string_view bytes, Deadline deadline,
              std::string_view who);
void receive_all(const Descriptor& socket, std::span<char> bytes, Deadline deadline,
                 std::string_view who);

}  // namespace headrace::comm
