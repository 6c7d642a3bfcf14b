#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "comm/secret.h"
#include "comm/store.h"

namespace headrace::comm {

struct StoreOptions {
  /// Seconds that an operation other than a wait, and a connection, may take. A store that somebody
  /// else serves may start later than the ranks that use it, by this much at most.
  double timeout = 30;
  /// tcp only: this process serves the store (rank 0 of a job that `headrace launch` did not start)
  /// until the last handle of it is gone.
  bool serve = false;
  /// tcp only: the job's.
  Secret secret = {};
  /// tcp only: speak to other machines without a secret.
  bool insecure = false;
};

/// The store that `text` names: "file:DIR", "tcp:HOST:PORT" or "redis:HOST[:PORT]", an IPv6 address
/// in brackets. Throws kInvalidArgument for any other text; kUnavailable or kTimeout if the store
/// cannot be reached; what require_secret() does.
std::shared_ptr<Store> open_store(const std::string& text, const StoreOptions& options = {});

/// Files in `folder`, which is made if it is not there. All ranks see it: on one machine, or on a
/// shared file system. A job's files stay; give every job a folder or a prefix of its own. Who can
/// write there can pretend to be the store.
std::shared_ptr<Store> open_file_store(std::filesystem::path folder, double timeout = 30);

/// The store that a StoreServer serves at HOST:PORT, or that this process does
/// (StoreOptions::serve).
std::shared_ptr<Store> open_tcp_store(const std::string& host, int port,
                                      const StoreOptions& options);

/// Redis from version 2.6 on. The password, where it asks for one, is HEADRACE_REDIS_PASSWORD.
std::shared_ptr<Store> open_redis_store(const std::string& host, int port, double timeout = 30);

}  // namespace headrace::comm
