#include "tests/comm/wirings.h"

#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "comm/store.h"
#include "comm/transport/shm.h"
#include "comm/transport/tcp.h"

namespace headrace::comm {

Groups connect_threads(int size, const GroupOptions& options,
                       const std::function<std::unique_ptr<Transport>(int rank)>& connect) {
  Groups groups(static_cast<size_t>(size));
  std::vector<std::exception_ptr> errors(groups.size());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const auto r = static_cast<size_t>(rank);
      try {
        groups[r] = std::make_unique<Group>(connect(rank), options);
      } catch (...) {
        errors[r] = std::current_exception();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return groups;
}

Groups connect_tcp_threads(int size, const GroupOptions& options) {
  const auto store = make_memory_store();
  return connect_threads(size, options, [&](int rank) {
    return connect_tcp({.rank = rank, .size = size, .secret = Secret("a secret of the test")},
                       options.concurrent, *store);
  });
}

Groups connect_shm_threads(int size, const GroupOptions& options) {
  const auto store = make_memory_store();
  return connect_threads(size, options, [&](int rank) {
    return connect_shm({.rank = rank, .size = size, .secret = Secret("a secret of the test")},
                       options.concurrent, *store);
  });
}

std::vector<Wiring> wirings() {
  return {
      {"inproc", make_inproc_groups}, {"shm", connect_shm_threads}, {"tcp", connect_tcp_threads}};
}

}  // namespace headrace::comm
