#pragma once

#include <memory>
#include <string>

#include "comm/secret.h"

namespace headrace::comm {

/// The TCP store itself: one thread that answers (comm/store/protocol.h). It lives as long as the
/// object; what ranks still want to read has to be read before.
///
/// Nobody is believed before he has proved that he knows the secret, and until then may say few
/// bytes, within five seconds, on one of a limited number of connections: who scans ports or sends
/// garbage is hung up on and disturbs nobody.
class StoreServer {
 public:
  struct Options {
    std::string host = "127.0.0.1";  // address or name of this machine to listen at
    int port = 0;                    // 0: any free one
    Secret secret = {};
    bool insecure = false;  // see require_secret()
  };

  /// Listens when it returns. Throws kState if the port is taken, kIo if it cannot listen there,
  /// what require_secret() does.
  explicit StoreServer(const Options& options);
  ~StoreServer();
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;

  int port() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace headrace::comm
