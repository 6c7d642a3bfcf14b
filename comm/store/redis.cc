#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include "comm/store/host_of.h"
#include "comm/store/open.h"
#include "comm/store/socket.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFirstPause{1};
constexpr std::chrono::milliseconds kLongestPause{20};

struct Free {
  void operator()(redisContext* context) const { redisFree(context); }
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Connection = std::unique_ptr<redisContext, Free>;
using Reply = std::unique_ptr<redisReply, Free>;
using Words = std::vector<std::string_view>;

timeval as_timeval(double seconds) {
  const auto whole = static_cast<time_t>(seconds);
  return {.tv_sec = whole,
          .tv_usec = static_cast<suseconds_t>((seconds - static_cast<double>(whole)) * 1e6)};
}

std::string_view text_of(const redisReply& reply) { return {reply.str, reply.len}; }

// Keys are Redis keys, values its strings. Redis cannot wait for a string, so waits ask again and
// again, with pauses.
class RedisStore final : public ServedStore {
 public:
  RedisStore(HostPort endpoint, double timeout)
      : endpoint_(std::move(endpoint)), timeout_(timeout) {
    if (const char* password = std::getenv("HEADRACE_REDIS_PASSWORD")) password_ = password;
    // Its server may start later than we do.
    const Deadline deadline = deadline_in(timeout_);
    connect_to(endpoint_, deadline);
    give_back(connect());
  }

  std::string describe() const override { return "redis:" + to_string(endpoint_); }
  std::string host() const override { return endpoint_.host; }

 private:
  void do_set(std::string_view key, std::string_view value) override {
    expect(call({"SET", key, value}), REDIS_REPLY_STATUS);
  }

  std::optional<std::string> do_wait(std::string_view key, Deadline deadline) override {
    for (auto pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
      if (auto value = do_try_get(key)) return value;
      const auto now = steady_clock::now();
      if (now >= deadline) return std::nullopt;
      std::this_thread::sleep_for(std::min<steady_clock::duration>(pause, deadline - now));
    }
  }

  std::optional<std::string> do_try_get(std::string_view key) override {
    const Reply reply = call({"GET", key});
    if (reply->type == REDIS_REPLY_NIL) return std::nullopt;
    return std::string(text_of(expect(reply, REDIS_REPLY_STRING)));
  }

  int64_t do_add(std::string_view key, int64_t amount) override {
    const Reply reply = call({"INCRBY", key, std::to_string(amount)});
    require(reply->type != REDIS_REPLY_ERROR, ErrorCode::kTypeMismatch,
            "'{}' cannot be added to: {} says '{}'", key, describe(), text_of(*reply));
    return expect(reply, REDIS_REPLY_INTEGER).integer;
  }

  std::string do_set_if_absent(std::string_view key, std::string_view value) override {
    const Deadline deadline = deadline_in(timeout_);
    do {
      const Reply reply = call({"SETNX", key, value});
      if (expect(reply, REDIS_REPLY_INTEGER).integer == 1) return std::string(value);
      if (auto present = do_try_get(key)) return std::move(*present);
      // It was erased in between.
    } while (steady_clock::now() < deadline);
    fail(ErrorCode::kTimeout, "'{}' is set and erased all the time in {}", key, describe());
  }

  bool do_erase(std::string_view key) override {
    return expect(call({"DEL", key}), REDIS_REPLY_INTEGER).integer > 0;
  }

  Reply call(const Words& words) {
    Connection connection = take();
    Reply reply = ask(*connection, words);
    give_back(std::move(connection));
    return reply;
  }

  Reply ask(redisContext& connection, const Words& words) const {
    std::vector<const char*> texts;
    std::vector<size_t> lengths;
    for (const std::string_view word : words) {
      texts.push_back(word.data());
      lengths.push_back(word.size());
    }
    Reply reply(static_cast<redisReply*>(redisCommandArgv(
        &connection, static_cast<int>(words.size()), texts.data(), lengths.data())));
    if (reply == nullptr) fail_with(connection);
    return reply;
  }

  [[noreturn]] void fail_with(const redisContext& connection) const {
    const bool late = connection.err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
    require(!late, ErrorCode::kTimeout, "{} did not answer within {} s", describe(), timeout_);
    fail(ErrorCode::kUnavailable, "the connection to {} is lost: {}", describe(),
         connection.errstr);
  }

  const redisReply& expect(const Reply& reply, int type) const {
    require(reply->type != REDIS_REPLY_ERROR, ErrorCode::kUnavailable, "{} refused: {}", describe(),
            text_of(*reply));
    require(reply->type == type, ErrorCode::kCorrupt,
            "{} answered with type {} where {} belongs; is it a Redis server?", describe(),
            reply->type, type);
    return *reply;
  }

  Connection take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Connection connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return connect();
  }

  void give_back(Connection connection) {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
  }

  Connection connect() const {
    const timeval time = as_timeval(timeout_);
    Connection connection(redisConnectWithTimeout(endpoint_.host.c_str(), endpoint_.port, time));
    require(connection != nullptr, ErrorCode::kInternal, "no memory for a connection");
    if (connection->err != 0) fail_with(*connection);
    redisSetTimeout(connection.get(), time);
    redisEnableKeepAlive(connection.get());
    if (!password_.empty()) {
      const Reply reply = ask(*connection, {"AUTH", password_});
      require(reply->type != REDIS_REPLY_ERROR, ErrorCode::kUnavailable,
              "{} does not take HEADRACE_REDIS_PASSWORD: {}", describe(), text_of(*reply));
    }
    const Reply reply = ask(*connection, {"PING"});
    require(reply->type != REDIS_REPLY_ERROR, ErrorCode::kUnavailable,
            "{} refused: {} (HEADRACE_REDIS_PASSWORD is {})", describe(), text_of(*reply),
            password_.empty() ? "not set" : "set");
    expect(reply, REDIS_REPLY_STATUS);
    return connection;
  }

  HostPort endpoint_;
  double timeout_;
  std::string password_;
  std::mutex mutex_;
  std::vector<Connection> idle_;
};

}  // namespace

std::shared_ptr<Store> open_redis_store(const std::string& host, int port, double timeout) {
  return std::make_shared<RedisStore>(HostPort{host, port}, timeout);
}

}  // namespace headrace::comm
