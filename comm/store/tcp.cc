#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

#include "comm/store/host_of.h"
#include "comm/store/open.h"
#include "comm/store/protocol.h"
#include "comm/store/server.h"
#include "comm/store/socket.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using namespace store_protocol;
using std::chrono::steady_clock;

// The longest wait that is asked for at once: a server that vanished without a word is noticed
// this much and one timeout later.
constexpr auto kLongestWait = std::chrono::seconds(10);

// Any thread takes a connection that nobody uses, or makes one, so that a wait keeps nobody else
// waiting. A connection over which something went wrong is not used again.
class TcpStore final : public ServedStore {
 public:
  TcpStore(HostPort endpoint, const StoreOptions& options)
      : endpoint_(std::move(endpoint)), options_(options) {
    if (options_.serve) {
      server_ = std::make_unique<StoreServer>(StoreServer::Options{.host = endpoint_.host,
                                                                   .port = endpoint_.port,
                                                                   .secret = options_.secret,
                                                                   .insecure = options_.insecure});
      endpoint_.port = server_->port();
    }
    give_back(connect(deadline_in(options_.timeout)));
  }

  std::string describe() const override { return "tcp:" + to_string(endpoint_); }
  std::string host() const override { return endpoint_.host; }

 private:
  struct Reply {
    Status status = Status::kOk;
    std::string rest;
  };

  void do_set(std::string_view key, std::string_view value) override {
    call({.operation = Operation::kSet, .key = key, .value = value});
  }

  std::optional<std::string> do_wait(std::string_view key, Deadline deadline) override {
    for (;;) {
      const auto left = std::clamp<steady_clock::duration>(
          deadline - steady_clock::now(), steady_clock::duration::zero(), kLongestWait);
      const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left);
      Reply reply = call({.operation = Operation::kWait,
                          .key = key,
                          .milliseconds = static_cast<uint32_t>(milliseconds.count())},
                         milliseconds);
      if (reply.status == Status::kOk) return std::move(reply.rest);
      if (steady_clock::now() >= deadline) return std::nullopt;
    }
  }

  std::optional<std::string> do_try_get(std::string_view key) override {
    Reply reply = call({.operation = Operation::kTryGet, .key = key});
    if (reply.status == Status::kAbsent) return std::nullopt;
    return std::move(reply.rest);
  }

  int64_t do_add(std::string_view key, int64_t amount) override {
    const Reply reply = call({.operation = Operation::kAdd, .key = key, .amount = amount});
    require(reply.rest.size() == 8, ErrorCode::kCorrupt,
            "{} answered an addition with {} bytes where 8 belong", describe(), reply.rest.size());
    return static_cast<int64_t>(decode_number(reply.rest));
  }

  std::string do_set_if_absent(std::string_view key, std::string_view value) override {
    return call({.operation = Operation::kSetIfAbsent, .key = key, .value = value}).rest;
  }

  bool do_erase(std::string_view key) override {
    return call({.operation = Operation::kErase, .key = key}).status == Status::kOk;
  }

  // `patience` is the time that the server may take on top of the store's own timeout.
  Reply call(const Request& request, std::chrono::milliseconds patience = {}) {
    const Deadline deadline = deadline_in(options_.timeout) + patience;
    Descriptor socket = take(deadline);
    send_all(socket, encode(request), deadline, who());
    Reply reply = receive_reply(socket, deadline);
    give_back(std::move(socket));
    require(reply.status != Status::kTypeMismatch, ErrorCode::kTypeMismatch, "{}", reply.rest);
    return reply;
  }

  Descriptor take(Deadline deadline) {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Descriptor socket = std::move(idle_.back());
        idle_.pop_back();
        return socket;
      }
    }
    return connect(deadline);
  }

  void give_back(Descriptor socket) {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(socket));
  }

  Descriptor connect(Deadline deadline) const {
    std::string address;
    Descriptor socket = connect_to(endpoint_, deadline, &address);
    require_secret(options_.secret, address, options_.insecure);
    Challenge challenge{.purpose = "store", .caller = random_nonce()};
    send_all(socket, encode_frame(std::string(kMagic).append(as_text(challenge.caller))), deadline,
             who());
    const std::string answer = receive_hello(socket, deadline);
    std::copy_n(answer.begin() + kMagic.size(), sizeof(Nonce), challenge.listener.begin());
    Proof proof;
    std::copy_n(answer.begin() + kGreetingBytes, sizeof(Proof), proof.begin());
    require(verify(proof, options_.secret, Side::kListener, challenge), ErrorCode::kUnavailable,
            "{} does not know this job's secret: HEADRACE_SECRET differs, or is set on one side "
            "alone, or another job's store listens there",
            who());
    const Proof own = prove(options_.secret, Side::kCaller, challenge);
    send_all(socket, encode_frame(as_text(own)), deadline, who());
    receive_reply(socket, deadline);
    return socket;
  }

  // Looks at the magic before anything else is believed.
  std::string receive_hello(const Descriptor& socket, Deadline deadline) const {
    std::string answer(4 + kAnswerBytes, '\0');
    const std::string head = encode_number(kAnswerBytes, 4).append(kMagic);
    try {
      receive_all(socket, std::span(answer).first(head.size()), deadline, who());
      require(answer.starts_with(head), ErrorCode::kUnavailable, "it speaks another language");
      receive_all(socket, std::span(answer).subspan(head.size()), deadline, who());
    } catch (const Error& error) {
      fail(error.code(),
           "what listens at {} did not greet like a headrace store ({}); it is another program, or "
           "another version of headrace",
           to_string(endpoint_), error.message());
    }
    return answer.substr(4);
  }

  Reply receive_reply(const Descriptor& socket, Deadline deadline) const {
    char head[4];
    receive_all(socket, head, deadline, who());
    const size_t length = decode_number({head, sizeof head});
    require(length >= 1 && length <= kMaxFrame, ErrorCode::kCorrupt,
            "{} sent an answer of {} bytes; expected 1 to {}", who(), length, kMaxFrame);
    Reply reply;
    reply.rest.resize(length);
    receive_all(socket, reply.rest, deadline, who());
    const auto status = parse_status(reply.rest);
    require(status.has_value(), ErrorCode::kCorrupt, "{} sent an answer of unknown kind {}", who(),
            static_cast<uint8_t>(reply.rest[0]));
    reply.status = *status;
    reply.rest.erase(0, 1);
    require(reply.status != Status::kRefused, ErrorCode::kUnavailable, "{} refused: {}", who(),
            reply.rest);
    return reply;
  }

  template <size_t n>
  static std::string_view as_text(const std::array<uint8_t, n>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), n};
  }

  std::string who() const { return "the store at " + to_string(endpoint_); }

  HostPort endpoint_;
  StoreOptions options_;
  std::unique_ptr<StoreServer> server_;
  std::mutex mutex_;
  std::vector<Descriptor> idle_;
};

}  // namespace

std::shared_ptr<Store> open_tcp_store(const std::string& host, int port,
                                      const StoreOptions& options) {
  return std::make_shared<TcpStore>(HostPort{host, port}, options);
}

}  // namespace headrace::comm
