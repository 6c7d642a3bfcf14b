#include "tests/comm/stores.h"

#include "comm/store/open.h"
#include "comm/store/server.h"
#include "tests/comm/child_process.h"
#include "tests/support/temp_folder.h"

namespace headrace::comm {
namespace {

using Opener = std::function<std::shared_ptr<Store>(int)>;

Opener open_memory() {
  return [store = make_memory_store()](int) { return store; };
}

Opener open_files() {
  return [folder = std::make_shared<testing::TempFolder>()](int) {
    return open_store("file:" + folder->path().string() + "/of a job");
  };
}

Opener open_tcp() {
  const Secret secret = Secret::random();
  auto server = std::make_shared<StoreServer>(StoreServer::Options{.secret = secret});
  return [server, secret](int) {
    return open_store("tcp:127.0.0.1:" + std::to_string(server->port()), {.secret = secret});
  };
}

// A real redis-server of its own, on a free port, without files.
Opener open_redis() {
  const std::string port = std::to_string(testing::free_port());
  auto server = std::make_shared<testing::ChildProcess>(std::vector<std::string>{
      "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"});
  return [server, port](int) { return open_store("redis:127.0.0.1:" + port); };
}

}  // namespace

std::vector<StoreKind> store_kinds() {
  return {{"Memory", open_memory}, {"File", open_files}, {"Tcp", open_tcp}, {"Redis", open_redis}};
}

}  // namespace headrace::comm
