#include "comm/transport/mesh.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <list>
#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comm/host.h"
#include "comm/spin.h"
#include "comm/wire/hello.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kHelloTime = std::chrono::seconds(5);
constexpr int kMostStrangers = 128;  // connections beyond those that are expected
constexpr size_t kMostWarnings = 8;

/// A connection that is being made, from either side.
struct Talk {
  Descriptor socket;
  bool caller = false;  // this rank called
  int peer = -1;
  int channel = 0;
  Clock::time_point until;
  enum class State { kHello, kProof } state = State::kHello;  // what is awaited
  std::array<std::byte, ListenerHello::kBytes> bytes{};
  size_t got = 0;
  CallerHelloBytes caller_bytes{};
  CallerHello hello;
  Nonce listener_nonce{};
};

class Meeting {
 public:
  Meeting(const MeshOptions& options, Store& store) : options_(options), store_(store) {
    require(options.size > 0 && options.rank >= 0 && options.rank < options.size,
            ErrorCode::kInvalidArgument, "rank {} is not in [0, {}), the world", options.rank,
            options.size);
    require(options.channels > 0 && options.channels <= 1000, ErrorCode::kInvalidArgument,
            "between two ranks are 1 to 1000 connections, not {}", options.channels);
    require(options.host.find_first_of(" \t\n") == options.host.npos, ErrorCode::kInvalidArgument,
            "the name of a host is one word, not '{}'", options.host);
    require(!options.job.empty() && options.job.size() <= kMaxJob, ErrorCode::kInvalidArgument,
            "the name of a job has 1 to {} bytes, '{}' has {}", kMaxJob, options.job,
            options.job.size());
    require_secret(options.secret, options.address, options.insecure);
    membership_ = {.job = options.job,
                   .size = static_cast<uint32_t>(options.size),
                   .epoch = options.epoch,
                   .channels = static_cast<uint16_t>(options.channels)};
    require_descriptors();
    mesh_.sockets.resize(static_cast<size_t>(options.size));
    for (auto& row : mesh_.sockets) row.resize(static_cast<size_t>(options.channels));
    missing_ = (options.size - 1) * options.channels;
  }

  Mesh meet() {
    deadline_ = deadline_in(options_.timeout);
    listener_ = listen_at({options_.address, 0});
    announce();
    for (int peer = 0; peer < options_.rank; ++peer) {
      for (int channel = 0; channel < options_.channels; ++channel) call(peer, channel);
    }
    while (missing_ > 0) {
      if (Clock::now() >= deadline_) fail_late();
      step();
    }
    return std::move(mesh_);
  }

 private:
  static std::string key(std::string_view what, int rank) {
    return fmt::format("mesh/{}/{}", what, rank);
  }

  /// Found now, and not by the rank that happens to need one too many.
  void require_descriptors() const {
    constexpr rlim_t kOthers = kMostStrangers + 64;  // and files, pipes, the store
    const auto needed =
        static_cast<rlim_t>(options_.size - 1) * static_cast<rlim_t>(options_.channels) + kOthers;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    require(
        limit.rlim_cur == RLIM_INFINITY || needed <= limit.rlim_cur, ErrorCode::kUnsupported,
        "{} ranks with {} connections between each two need {} open files in every process; the "
        "limit is {}. Raise it (ulimit -n {}), or use fewer lanes",
        options_.size, options_.channels, needed, limit.rlim_cur, needed);
  }

  static std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    return {std::istream_iterator<std::string>(stream), {}};
  }

  /// Tells the store where this rank is, and learns where all others are.
  void announce() {
    const std::string machine = this_machine();
    const std::string me =
        fmt::format("{}:{}:{}", machine, ::getpid(), fmt::join(random_nonce(), ""));
    const std::string owner = store_.set_if_absent(key("owner", options_.rank), me);
    require(owner == me, ErrorCode::kUnavailable,
            "rank {} exists already: process {} has it. Give each process of the job a rank of its "
            "own; or the store still holds an earlier job: use another folder or prefix",
            options_.rank, owner.substr(0, owner.rfind(':')));
    cpu_set_t cores = usable_cores();
    store_.set(
        key("address", options_.rank),
        fmt::format("{} {} {} {}", to_string({.host = listener_.address, .port = listener_.port}),
                    machine, options_.host.empty() ? this_host() : options_.host, to_text(cores)));
    std::vector<std::string> hosts;
    for (int rank = 0; rank < options_.size; ++rank) {
      const auto value = store_.wait(key("address", rank), deadline_);
      require(value.has_value(), ErrorCode::kTimeout,
              "rank {} of {} has not come within {:g} s; is its process running, with the same "
              "store ({})?",
              rank, options_.size, options_.timeout, store_.describe());
      const std::vector<std::string> words = words_of(*value);
      require(words.size() == 4, ErrorCode::kCorrupt,
              "the store {} has no address of rank {} but '{}'", store_.describe(), rank, *value);
      if (words[1] != machine) require_way(rank, words[0], words[1], machine);
      addresses_.push_back(words[0]);
      hosts.push_back(words[2]);
      if (rank == options_.rank || words[1] != machine) continue;
      ++mesh_.ranks_on_host;
      add_cores(words[3], cores);
    }
    mesh_.ranks_per_host = ranks_per_host(hosts);
    mesh_.cores_on_host = std::max(CPU_COUNT(&cores), 1);
    mesh_.congestion = options_.congestion != "auto"    ? options_.congestion
                       : is_loopback(listener_.address) ? "reno"
                                                        : "";
  }

  /// What listens on loopback is there for its own machine alone: found now, and not at the
  /// deadline.
  void require_way(int peer, const std::string& theirs, const std::string& machine,
                   const std::string& here) const {
    const bool far = is_loopback(parse_host_port(theirs).host);
    if (!far && !is_loopback(listener_.address)) return;
    const auto name = [](const std::string& text) { return text.substr(0, text.find('/')); };
    fail(ErrorCode::kUnavailable,
         "rank {} on {} is reachable only on loopback, and rank {} is on {}: give --interface or "
         "HEADRACE_ADDRESS, and the job a secret (HEADRACE_SECRET)",
         far ? peer : options_.rank, name(far ? machine : here), far ? options_.rank : peer,
         name(far ? here : machine));
  }

  void call(int peer, int channel) {
    auto& talk = talks_.emplace_back();
    try {
      talk.socket = connect_to(parse_host_port(addresses_[static_cast<size_t>(peer)]), deadline_);
    } catch (const Error& error) {
      fail(error.code(), "rank {}: {}", peer, error.message());
    }
    talk.caller = true;
    talk.peer = peer;
    talk.channel = channel;
    talk.until = deadline_;
    talk.hello = {.membership = membership_,
                  .rank = static_cast<uint32_t>(options_.rank),
                  .target = static_cast<uint32_t>(peer),
                  .channel = static_cast<uint16_t>(channel),
                  .nonce = random_nonce()};
    talk.caller_bytes = encode(talk.hello);
    send_all(talk.socket, as_text(talk.caller_bytes), deadline_, fmt::format("rank {}", peer));
  }

  template <size_t N>
  static std::string_view as_text(const std::array<std::byte, N>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), N};
  }
  static std::string_view as_text(const Proof& proof) {
    return {reinterpret_cast<const char*>(proof.data()), proof.size()};
  }

  /// Waits for something to happen and deals with it.
  void step() {
    Clock::time_point until = deadline_;
    polled_.clear();
    polled_.push_back({.fd = listener_.socket.number(), .events = POLLIN, .revents = 0});
    for (const Talk& talk : talks_) {
      polled_.push_back({.fd = talk.socket.number(), .events = POLLIN, .revents = 0});
      until = std::min(until, talk.until);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    const int timeout = static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
    if (::poll(polled_.data(), polled_.size(), timeout) < 0 && errno != EINTR) {
      fail(ErrorCode::kIo, "poll on the connections of the group: {}", std::strerror(errno));
    }
    const auto now = Clock::now();
    size_t i = 1;
    for (auto talk = talks_.begin(); talk != talks_.end(); ++i) {
      const bool over =
          polled_[i].revents != 0 ? !goes_on(*talk) : !talk->caller && now >= talk->until;
      if (over && talk->socket && polled_[i].revents == 0) refused("it said nothing");
      talk = over ? talks_.erase(talk) : std::next(talk);
    }
    if (polled_[0].revents != 0) accept_all(now);
  }

  void accept_all(Clock::time_point now) {
    while (true) {
      Descriptor socket(
          ::accept4(listener_.socket.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) {
        require(errno != EMFILE && errno != ENFILE, ErrorCode::kIo,
                "no open files are left for the connections of the group (ulimit -n)");
        return;  // nobody more, or one that has left again
      }
      const auto unproved = std::count_if(talks_.begin(), talks_.end(),
                                          [](const Talk& talk) { return !talk.caller; });
      if (unproved >= kMostStrangers + missing_) cut_off_one();
      auto& talk = talks_.emplace_back();
      talk.socket = std::move(socket);
      talk.until = now + kHelloTime;
    }
  }

  /// The oldest that has not said a word, or else the oldest.
  void cut_off_one() {
    auto silent = std::find_if(talks_.begin(), talks_.end(), [](const Talk& talk) {
      return !talk.caller && talk.state == Talk::State::kHello && talk.got == 0;
    });
    if (silent == talks_.end()) {
      silent =
          std::find_if(talks_.begin(), talks_.end(), [](const Talk& talk) { return !talk.caller; });
    }
    refused("too many connections that say nothing");
    talks_.erase(silent);
  }

  /// Reads what is there. False if the talk is over, well or badly.
  bool goes_on(Talk& talk) {
    while (true) {
      const size_t wanted = expected(talk);
      const ssize_t count = ::recv(talk.socket.number(), talk.bytes.data() + talk.got,
                                   wanted - talk.got, MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (count <= 0)
        return broken(talk, count == 0 ? "closed the connection" : std::strerror(errno));
      talk.got += static_cast<size_t>(count);
      if (talk.got < wanted) continue;
      talk.got = 0;
      if (!(talk.caller ? listened(talk) : called(talk))) return false;
    }
  }

  static size_t expected(const Talk& talk) {
    if (talk.caller) return talk.state == Talk::State::kHello ? ListenerHello::kBytes : 1;
    return talk.state == Talk::State::kHello ? CallerHello::kBytes : sizeof(Proof);
  }

  bool broken(const Talk& talk, std::string_view how) {
    if (talk.caller) {
      fail(ErrorCode::kUnavailable, "rank {} at {} {} while rank {} introduced itself{}", talk.peer,
           addresses_[static_cast<size_t>(talk.peer)], how, options_.rank,
           talk.state == Talk::State::kProof ? "; the secrets differ, or it has ended" : "");
    }
    refused(how);
    return false;
  }

  /// This rank called and got what it waited for. False when it is over.
  bool listened(Talk& talk) {
    const std::string& where = addresses_[static_cast<size_t>(talk.peer)];
    if (talk.state == Talk::State::kProof) {
      require(talk.bytes[0] == std::byte{1}, ErrorCode::kUnavailable,
              "rank {} at {} does not accept rank {}", talk.peer, where, options_.rank);
      stands(talk);
      return false;
    }
    const auto answer = decode_listener(talk.bytes);
    require(answer.has_value(), ErrorCode::kUnavailable,
            "what listens at {} is not rank {} of a group, or speaks another language", where,
            talk.peer);
    require(answer->version == kHelloVersion && answer->refusal == Refusal::kNone,
            ErrorCode::kUnavailable, "rank {} at {} refuses rank {}: {}", talk.peer, where,
            options_.rank, explain(*answer, talk.hello));
    const Challenge what = challenge(talk.caller_bytes, talk.hello, answer->nonce);
    require(verify(answer->proof, options_.secret, Side::kListener, what), ErrorCode::kUnavailable,
            "rank {} at {} does not have the secret of this job ({})", talk.peer, where,
            options_.secret.empty() ? "this rank has none; see HEADRACE_SECRET"
                                    : "they differ, or it has none; see HEADRACE_SECRET");
    reply(talk, as_text(prove(options_.secret, Side::kCaller, what)));
    talk.state = Talk::State::kProof;
    return true;
  }

  /// Somebody called and said what was expected by length. False when it is over.
  bool called(Talk& talk) {
    if (talk.state == Talk::State::kHello) return answer(talk);
    Proof proof{};
    std::memcpy(proof.data(), talk.bytes.data(), proof.size());
    const Challenge what = challenge(talk.caller_bytes, talk.hello, talk.listener_nonce);
    if (!verify(proof, options_.secret, Side::kCaller, what)) {
      refused(fmt::format("it says that it is rank {} and has another secret", talk.hello.rank));
      return false;
    }
    if (connected(talk.hello)) {
      refused(fmt::format("rank {} is connected already", talk.hello.rank));
      return false;
    }
    reply(talk, std::string_view("\1", 1));
    talk.peer = static_cast<int>(talk.hello.rank);
    talk.channel = talk.hello.channel;
    stands(talk);
    return false;
  }

  bool answer(Talk& talk) {
    std::memcpy(talk.caller_bytes.data(), talk.bytes.data(), talk.caller_bytes.size());
    const auto hello = decode_caller(talk.caller_bytes);
    if (!hello) {
      refused("it does not speak this protocol");
      return false;
    }
    talk.hello = *hello;
    ListenerHello answer{.membership = membership_,
                         .rank = static_cast<uint32_t>(options_.rank),
                         .nonce = random_nonce()};
    answer.refusal = check(*hello, membership_, answer.rank);
    if (answer.refusal == Refusal::kNone && connected(*hello)) {
      answer.refusal = Refusal::kDuplicate;
    }
    talk.listener_nonce = answer.nonce;
    if (answer.refusal == Refusal::kNone) {
      answer.proof = prove(options_.secret, Side::kListener,
                           challenge(talk.caller_bytes, talk.hello, answer.nonce));
    }
    reply(talk, as_text(encode(answer)));
    talk.state = Talk::State::kProof;
    if (answer.refusal == Refusal::kNone) {
      // Before it says more it may have to call others, one of whom does not answer at once.
      talk.until = deadline_;
      return true;
    }
    refused(fmt::format("it says that it is rank {} of job '{}' with {} ranks", hello->rank,
                        printable(hello->membership.job), hello->membership.size));
    return false;
  }

  static std::string printable(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return text;
  }

  bool connected(const CallerHello& hello) const {
    return static_cast<bool>(mesh_.sockets[hello.rank][hello.channel]);
  }

  /// Records are small enough for the buffer of a new connection; where they are not, it is lost.
  static void reply(const Talk& talk, std::string_view bytes) {
    const ssize_t sent =
        ::send(talk.socket.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent != static_cast<ssize_t>(bytes.size())) ::shutdown(talk.socket.number(), SHUT_RDWR);
  }

  void stands(Talk& talk) {
    const int number = talk.socket.number();
    const int on = 1;
    ::setsockopt(number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (!mesh_.congestion.empty()) {
      const int result = ::setsockopt(number, IPPROTO_TCP, TCP_CONGESTION, mesh_.congestion.data(),
                                      static_cast<socklen_t>(mesh_.congestion.size()));
      require(result == 0, ErrorCode::kUnsupported,
              "the system does not let this process use the congestion control '{}': {}",
              mesh_.congestion, std::strerror(errno));
    }
    mesh_.sockets[static_cast<size_t>(talk.peer)][static_cast<size_t>(talk.channel)] =
        std::move(talk.socket);
    --missing_;
  }

  void refused(std::string_view why) {
    if (warnings_.size() >= kMostWarnings) return;
    warnings_.emplace_back(why);
    if (options_.warn) options_.warn(fmt::format("a connection was refused: {}", why));
  }

  [[noreturn]] void fail_late() const {
    std::vector<int> absent;
    for (int peer = 0; peer < options_.size; ++peer) {
      const auto& row = mesh_.sockets[static_cast<size_t>(peer)];
      const bool all = std::all_of(row.begin(), row.end(),
                                   [](const Descriptor& socket) { return bool(socket); });
      if (peer != options_.rank && !all) absent.push_back(peer);
    }
    fail(ErrorCode::kTimeout, "rank{} {} did not connect within {:g} s{}{}",
         absent.size() == 1 ? "" : "s", fmt::join(absent, ", "), options_.timeout,
         warnings_.empty() ? "" : "; refused meanwhile: ", fmt::join(warnings_, "; "));
  }

  const MeshOptions& options_;
  Store& store_;
  Deadline deadline_;
  Membership membership_;
  Listener listener_;
  std::vector<std::string> addresses_;
  std::list<Talk> talks_;
  std::vector<pollfd> polled_;
  std::vector<std::string> warnings_;
  Mesh mesh_;
  int missing_ = 0;
};

}  // namespace

Mesh connect_mesh(const MeshOptions& options, Store& store) {
  return Meeting(options, store).meet();
}

}  // namespace headrace::comm
