#include "comm/store/open.h"

#include "comm/store/socket.h"
#include "comm/timeout.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

constexpr int kRedisPort = 6379;

}  // namespace

std::shared_ptr<Store> open_store(const std::string& text, const StoreOptions& options) {
  const size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string rest = colon == text.npos ? "" : text.substr(colon + 1);
  require((kind == "file" || kind == "tcp" || kind == "redis") && !rest.empty(),
          ErrorCode::kInvalidArgument,
          "a store is file:DIR, tcp:HOST:PORT or redis:HOST[:PORT], found '{}'", text);
  require_timeout(options.timeout, "the timeout of a store");
  if (kind == "file") return open_file_store(rest, options.timeout);
  const HostPort endpoint = parse_host_port(rest, kind == "redis" ? kRedisPort : -1);
  if (kind == "redis") return open_redis_store(endpoint.host, endpoint.port, options.timeout);
  return open_tcp_store(endpoint.host, endpoint.port, options);
}

}  // namespace headrace::comm
