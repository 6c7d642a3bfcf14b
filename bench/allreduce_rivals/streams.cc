// The bytes of an allreduce over plain TCP streams, with nothing around them: every rank sends each
// of its peers what the algorithm sends them, in the algorithm's order, and reads what they send.
// Nothing is summed and nothing waits for a result, so this is what the wire and the kernel take.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include "bench/allreduce_parts/place.h"
#include "bench/allreduce_parts/task.h"
#include "bench/guarded_main.h"
#include "comm/program.h"
#include "comm/store/open.h"
#include "comm/transport/mesh.h"
#include "core/error.h"

namespace headrace::bench {
namespace {

struct Settings {
  Task task;
  Place place;
  std::string algorithm = "ring";
  std::string congestion = "auto";
  bool insecure = false;
};

/// So many bytes to one peer, or from one.
struct Leg {
  int peer = 0;
  size_t bytes = 0;
};

/// One direction: legs one after the other. What is moved does not matter, so long as it is read
/// from, or written to, memory of the size that the vector has.
class Direction {
 public:
  void set(std::vector<Leg> legs) {
    legs_ = std::move(legs);
    restart();
  }
  void restart() {
    at_ = 0;
    moved_ = 0;
  }
  bool done() const { return at_ == legs_.size(); }
  int peer() const { return legs_[at_].peer; }
  size_t left() const { return legs_[at_].bytes - moved_; }
  size_t offset() const { return moved_; }
  void moved(size_t bytes) {
    moved_ += bytes;
    if (moved_ < legs_[at_].bytes) return;
    ++at_;
    moved_ = 0;
  }

 private:
  std::vector<Leg> legs_;
  size_t at_ = 0;
  size_t moved_ = 0;
};

constexpr size_t kBatch = size_t{512} * 1024;

class Streams final : public Contender {
 public:
  Streams(const Settings& settings, comm::Mesh mesh, int rank)
      : rank_(rank),
        size_(settings.task.ranks),
        algorithm_(comm::algorithm_named(settings.algorithm)),
        mesh_(std::move(mesh)) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  bool sums() const override { return false; }
  std::string algorithm() const override { return std::string(comm::name_of(algorithm_)); }

  void prepare(float* data, size_t count) override {
    data_ = reinterpret_cast<char*>(data);
    received_.resize(count * sizeof(float));
    const auto program = comm::make_program(
        {.algorithm = algorithm_, .data = data, .count = count, .segment = count}, {rank_, size_},
        1);
    std::vector<Leg> sent;
    std::vector<Leg> received;
    for (const auto& step : program->steps) {
      if (step.peer < 0 || step.count == 0) continue;
      const bool sends = step.action == comm::Program::Action::kSend;
      (sends ? sent : received).push_back({step.peer, step.count * sizeof(float)});
    }
    out_.set(std::move(sent));
    in_.set(std::move(received));
  }

  void run() override {
    out_.restart();
    in_.restart();
    move(data_, received_.data());
  }

  double sum(double value) override {
    Direction out = std::exchange(out_, {});
    Direction in = std::exchange(in_, {});
    double total = value;
    for (int peer = 0; peer < size_; ++peer) {
      if (peer == rank_) continue;
      double other = 0;
      out_.set({{peer, sizeof value}});
      in_.set({{peer, sizeof other}});
      move(reinterpret_cast<char*>(&value), reinterpret_cast<char*>(&other));
      total += other;
    }
    out_ = std::move(out);
    in_ = std::move(in);
    return total;
  }

 private:
  int socket_to(int peer) const { return mesh_.sockets[static_cast<size_t>(peer)][0].number(); }

  /// Both directions at once; sleeps whenever neither can go on.
  void move(const char* from, char* to) {
    while (!out_.done() || !in_.done()) {
      bool moved = false;
      if (!out_.done()) {
        moved |= advance(out_, ::send(socket_to(out_.peer()), from + out_.offset(), out_.left(),
                                      MSG_DONTWAIT | MSG_NOSIGNAL));
      }
      if (!in_.done()) {
        moved |= advance(
            in_, ::recv(socket_to(in_.peer()), to + in_.offset(), in_.left(), MSG_DONTWAIT));
      }
      if (!moved) sleep();
    }
  }

  static bool advance(Direction& direction, ssize_t result) {
    if (result > 0) {
      direction.moved(static_cast<size_t>(result));
      return true;
    }
    require(result < 0 && (errno == EAGAIN || errno == EINTR), ErrorCode::kUnavailable,
            "the stream with rank {} broke: {}", direction.peer(),
            result == 0 ? "closed" : std::strerror(errno));
    return false;
  }

  void sleep() const {
    pollfd fds[2] = {{.fd = -1, .events = POLLOUT, .revents = 0},
                     {.fd = -1, .events = POLLIN, .revents = 0}};
    if (!out_.done()) fds[0].fd = socket_to(out_.peer());
    if (!in_.done()) {
      fds[1].fd = socket_to(in_.peer());
      // Woken for a batch, not for each packet.
      const int wanted = static_cast<int>(std::min(in_.left(), kBatch));
      ::setsockopt(fds[1].fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
    }
    require(::poll(fds, 2, 60'000) != 0, ErrorCode::kTimeout, "no byte has moved in 60 s");
  }

  int rank_;
  int size_;
  comm::Algorithm algorithm_;
  comm::Mesh mesh_;
  const char* data_ = nullptr;
  std::vector<char> received_;
  Direction out_;
  Direction in_;
};

int run(const Settings& settings) {
  return run_ranks(settings.task, settings.place, [&](int rank, const std::string& store_name) {
    const auto secret = comm::Secret::from_environment();
    const auto store =
        comm::open_store(store_name, {.secret = secret, .insecure = settings.insecure});
    const comm::MeshOptions options{.rank = rank,
                                    .size = settings.task.ranks,
                                    .job = "bench",
                                    .address = settings.place.address,
                                    .secret = secret,
                                    .insecure = settings.insecure,
                                    .congestion = settings.congestion};
    Streams streams(settings, comm::connect_mesh(options, *store), rank);
    return run_rank(streams, settings.task, "TCP streams");
  });
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  headrace::bench::Settings settings;
  CLI::App app{
      "How long plain TCP streams take to move what an allreduce moves. Nothing is summed."};
  add_options(app, settings.task);
  add_options(app, settings.task, settings.place);
  app.add_option("--algorithm", settings.algorithm, "Whose bytes, in the words of bench/allreduce");
  app.add_option("--congestion", settings.congestion,
                 "TCP congestion control; auto: reno on loopback");
  app.add_flag("--insecure", settings.insecure, "Talk to other machines without HEADRACE_SECRET");
  CLI11_PARSE(app, argc, argv);
  return headrace::bench::guarded_main([&] { return headrace::bench::run(settings); });
}
