// The TCP store among strangers, enemies and the unlucky. What it shares with the others is in
// store_test.cc.
#include <cmath>
#include <random>
#include <thread>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "comm/store/open.h"
#include "comm/store/protocol.h"
#include "comm/store/server.h"
#include "comm/store/socket.h"
#include "tests/comm/child_process.h"
#include "tests/support/expect_error.h"

namespace headrace::comm {
namespace {

using namespace store_protocol;
using std::chrono::steady_clock;
using testing::expect_error;

double seconds_since(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

class TcpStores : public ::testing::Test {
 protected:
  StoreOptions options(double timeout = 30) const {
    return {.timeout = timeout, .secret = secret_};
  }
  std::string text() const { return "tcp:127.0.0.1:" + std::to_string(server_.port()); }
  std::shared_ptr<Store> open() const { return open_store(text(), options()); }

  Descriptor stranger() const { return connect_to({"127.0.0.1", server_.port()}, deadline_in(10)); }

  /// A connection that has proved itself, to say anything over.
  Descriptor friend_of_the_house() const {
    Descriptor socket = stranger();
    Challenge challenge{.purpose = "store", .caller = random_nonce()};
    send_all(socket,
             encode_frame(std::string(kMagic).append(
                 reinterpret_cast<const char*>(challenge.caller.data()), sizeof(Nonce))),
             deadline_in(10), "server");
    std::string answer(4 + kAnswerBytes, '\0');
    receive_all(socket, answer, deadline_in(10), "server");
    std::copy_n(answer.begin() + 4 + kMagic.size(), sizeof(Nonce), challenge.listener.begin());
    const Proof proof = prove(secret_, Side::kCaller, challenge);
    send_all(socket, encode_frame({reinterpret_cast<const char*>(proof.data()), proof.size()}),
             deadline_in(10), "server");
    EXPECT_EQ(receive_frame(socket), std::string(1, '\0'));
    return socket;
  }

  static std::string receive_frame(const Descriptor& socket) {
    char head[4];
    receive_all(socket, head, deadline_in(10), "server");
    std::string body(decode_number({head, 4}), '\0');
    receive_all(socket, body, deadline_in(10), "server");
    return body;
  }

  /// True if the other side has hung up, or does so within `seconds`; whatever it says before does
  /// not count.
  static bool hung_up(const Descriptor& socket, double seconds) {
    char byte = 0;
    try {
      for (;;) receive_all(socket, {&byte, 1}, deadline_in(seconds), "server");
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUnavailable;
    }
  }

  Secret secret_ = Secret::random();
  StoreServer server_{{.secret = secret_}};
};

TEST_F(TcpStores, AnotherSecretIsRefusedByBothSides) {
  auto wrong = options(5);
  wrong.secret = Secret::random();
  expect_error(ErrorCode::kUnavailable, "does not know this job's secret",
               [&] { open_store(text(), wrong); });
  wrong.secret = Secret();
  expect_error(ErrorCode::kUnavailable, "secret", [&] { open_store(text(), wrong); });

  // A caller who does not care who the listener is has to prove himself nevertheless.
  Descriptor socket = stranger();
  send_all(socket, encode_frame(std::string(kMagic) + std::string(sizeof(Nonce), 'n')),
           deadline_in(5), "server");
  std::string answer(4 + kAnswerBytes, '\0');
  receive_all(socket, answer, deadline_in(5), "server");
  // The listener's own proof, sent back, is none.
  send_all(socket, encode_frame(answer.substr(4 + kGreetingBytes)), deadline_in(5), "server");
  EXPECT_EQ(receive_frame(socket).front(), static_cast<char>(Status::kRefused));
  EXPECT_TRUE(hung_up(socket, 5));
}

TEST_F(TcpStores, RequestsBeforeTheProofAreNotServed) {
  open()->set("k", "secret value");
  Descriptor socket = stranger();
  send_all(socket, encode_frame(std::string(kMagic) + std::string(sizeof(Nonce), 'n')),
           deadline_in(5), "server");
  std::string answer(4 + kAnswerBytes, '\0');
  receive_all(socket, answer, deadline_in(5), "server");
  send_all(socket, encode({.operation = Operation::kTryGet, .key = "k"}), deadline_in(5), "server");
  EXPECT_TRUE(hung_up(socket, 5));
}

// Port scans, half-open connections, HTTP, random bytes, and lengths without end, while ranks work.
TEST_F(TcpStores, StrangersDisturbNobody) {
  const auto store = open();
  std::mt19937 random(7);
  std::vector<Descriptor> silent;
  int64_t served = 0;
  for (int round = 0; round < 300; ++round) {
    Descriptor socket = stranger();
    std::string bytes;
    switch (round % 6) {
      case 0:
        break;  // connects and leaves
      case 1:
        silent.push_back(std::move(socket));
        continue;
      case 2:
        bytes = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        break;
      case 3:
        bytes = encode_number(0xffffffff, 4) + "x";
        break;
      case 4:
        bytes = encode_frame(std::string(kMagic));  // its nonce is missing
        break;
      default:
        for (int i = 0; i < 200; ++i) bytes.push_back(static_cast<char>(random()));
    }
    send_all(socket, bytes, deadline_in(5), "server");
    EXPECT_EQ(store->add("n", 1), ++served);
    // Random bytes may be the start of something.
    EXPECT_TRUE(bytes.empty() || round % 6 == 5 || hung_up(socket, 4)) << round;
  }
  EXPECT_EQ(open()->get("n", deadline_in(5)), store->get("n", deadline_in(5)));
}

TEST_F(TcpStores, WhoSaysNothingIsHungUpOn) {
  const Descriptor socket = stranger();
  const auto start = steady_clock::now();
  EXPECT_TRUE(hung_up(socket, 20));
  EXPECT_GT(seconds_since(start), 4);
  EXPECT_LT(seconds_since(start), 15);
}

// More connections than the server keeps for strangers: ranks still come in.
TEST_F(TcpStores, ACrowdDoesNotShutTheDoor) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  setrlimit(RLIMIT_NOFILE, &files);
  std::vector<Descriptor> crowd;
  for (int i = 0; i < 600; ++i) crowd.push_back(stranger());
  const auto start = steady_clock::now();
  open()->set("k", "v");
  EXPECT_EQ(open()->try_get("k"), "v");
  EXPECT_LT(seconds_since(start), 4);  // before anybody's time to say hello is over
}

TEST_F(TcpStores, BrokenRequestsAreExplained) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {encode_frame(""), "a request of 0 bytes"},
      {encode_frame("\x09\x01" + std::string(1, '\0') + "k"), "operation 9"},
      {encode_frame("\x03" + std::string(2, '\0')), "a key of 0 bytes"},
      {encode_frame("\x03\x05" + std::string(1, '\0') + "key"), "a key of 5 bytes"},
      {encode_frame("\x04\x01" + std::string(1, '\0') + "k1234567"), "7 bytes after the key"},
      {encode_number(kMaxFrame + 1, 4), "a frame of"},
  };
  for (const auto& [bytes, why] : cases) {
    const Descriptor socket = friend_of_the_house();
    send_all(socket, bytes, deadline_in(5), "server");
    const std::string reply = receive_frame(socket);
    EXPECT_EQ(reply.front(), static_cast<char>(Status::kRefused));
    EXPECT_NE(reply.find(why), reply.npos) << reply;
    EXPECT_TRUE(hung_up(socket, 5));
  }
}

// Requests in a row without reading the answers are all answered, in order.
TEST_F(TcpStores, RequestsMayComeInARow) {
  const Descriptor socket = friend_of_the_house();
  const std::string value(1 << 20, 'v');
  std::thread sender([&] {
    send_all(socket, encode({.operation = Operation::kSet, .key = "k", .value = value}),
             deadline_in(20), "server");
    for (int i = 0; i < 20; ++i) {
      send_all(socket, encode({.operation = Operation::kTryGet, .key = "k"}), deadline_in(20),
               "server");
    }
  });
  EXPECT_EQ(receive_frame(socket), std::string(1, '\0'));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(receive_frame(socket).size(), value.size() + 1);
  sender.join();
}

TEST_F(TcpStores, AServerMayStartLater) {
  const Secret secret = Secret::random();
  auto first = std::make_unique<StoreServer>(StoreServer::Options{.secret = secret});
  const int port = first->port();
  first.reset();  // its port can be used again at once
  const std::string text = "tcp:127.0.0.1:" + std::to_string(port);
  std::string value;
  std::thread rank([&] {
    value = open_store(text, {.timeout = 20, .secret = secret})->get("k", deadline_in(20));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const StoreServer second({.port = port, .secret = secret});
  open_store(text, {.timeout = 20, .secret = secret})->set("k", "v");
  rank.join();
  EXPECT_EQ(value, "v");
}

TEST_F(TcpStores, NobodyThere) {
  const auto start = steady_clock::now();
  expect_error(ErrorCode::kTimeout, "nobody answered", [] {
    open_store("tcp:127.0.0.1:" + std::to_string(testing::free_port()), {.timeout = 0.3});
  });
  // Somebody who accepts and says nothing.
  const Listener silent = listen_at({"127.0.0.1", 0});
  expect_error(ErrorCode::kTimeout, "did not greet like a headrace store", [&] {
    open_store("tcp:127.0.0.1:" + std::to_string(silent.port), {.timeout = 0.3});
  });
  EXPECT_LT(seconds_since(start), 5);
}

TEST_F(TcpStores, AnotherProgramThere) {
  const Listener listener = listen_at({"127.0.0.1", 0});
  std::thread program([&] {
    for (;;) {
      Descriptor socket(accept(listener.socket.number(), nullptr, nullptr));
      if (!socket) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        continue;
      }
      send_all(socket, "SSH-2.0-OpenSSH_9.2p1\r\n", deadline_in(5), "client");
      return;
    }
  });
  expect_error(ErrorCode::kUnavailable, "another program", [&] {
    open_store("tcp:127.0.0.1:" + std::to_string(listener.port), {.timeout = 5});
  });
  program.join();
}

// Whoever waits when the server goes learns of it at once.
TEST_F(TcpStores, TheServerGoes) {
  const Secret secret = Secret::random();
  auto server = std::make_unique<StoreServer>(StoreServer::Options{.secret = secret});
  const auto store = open_store("tcp:127.0.0.1:" + std::to_string(server->port()),
                                {.timeout = 2, .secret = secret});
  const auto start = steady_clock::now();
  std::thread waiter([&] {
    expect_error(ErrorCode::kUnavailable, [&] { store->get("never", deadline_in(60)); });
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  server.reset();
  waiter.join();
  EXPECT_LT(seconds_since(start), 10);
  expect_error(ErrorCode::kTimeout, [&] { store->set("k", "v"); });
}

TEST_F(TcpStores, RankZeroServes) {
  const auto zero = open_store("tcp:127.0.0.1:0", {.serve = true, .secret = secret_});
  const auto one = open_store(zero->describe(), {.secret = secret_});
  one->set("k", "v");
  EXPECT_EQ(zero->try_get("k"), "v");
  expect_error(ErrorCode::kState, "another job or program is there",
               [&] { open_store(zero->describe(), {.serve = true, .secret = secret_}); });
}

TEST_F(TcpStores, NoSecretOnlyOnThisMachine) {
  const auto zero = open_store("tcp:127.0.0.1:0", {.serve = true});
  zero->set("k", "v");
  expect_error(ErrorCode::kInvalidArgument, "--insecure",
               [] { open_store("tcp:0.0.0.0:0", {.serve = true}); });
  const auto open = open_store("tcp:0.0.0.0:0", {.serve = true, .insecure = true});
  EXPECT_EQ(open->try_get("k"), std::nullopt);
}

TEST(StoreNames, MistakesAreExplained) {
  for (const std::string text :
       {"", "file:", "tcp:", "tcp", "/tmp/store", "http://host", "redis", "file"}) {
    expect_error(ErrorCode::kInvalidArgument, "a store is file:DIR", [&] { open_store(text); });
  }
  expect_error(ErrorCode::kInvalidArgument, "names no port", [] { open_store("tcp:host"); });
  expect_error(ErrorCode::kInvalidArgument, "is no port", [] { open_store("tcp:host:x"); });
  expect_error(ErrorCode::kInvalidArgument, "is no port", [] { open_store("tcp:host:70000"); });
  expect_error(ErrorCode::kInvalidArgument, "names no host", [] { open_store("tcp::80"); });
  expect_error(ErrorCode::kInvalidArgument, "brackets", [] { open_store("tcp:fe80::1:80"); });
  // A pod's name is known later than it starts.
  expect_error(ErrorCode::kTimeout,
               "no address is known for the host 'no-such-host.invalid' before",
               [] { open_store("tcp:no-such-host.invalid:80", {.timeout = 1}); });
  for (const double timeout : {0.0, 1e10, std::nan("")}) {
    expect_error(ErrorCode::kInvalidArgument, "ten years",
                 [&] { open_store("file:/nowhere", {.timeout = timeout}); });
  }
  EXPECT_EQ(parse_host_port("[fe80::1]:80").host, "fe80::1");
  EXPECT_EQ(parse_host_port("host", 6379).port, 6379);
  EXPECT_EQ(to_string(parse_host_port("[::1]:8")), "[::1]:8");
}

// Frames come out as they went in, however the stream is cut.
TEST(StoreProtocol, FramesSurviveAnyCut) {
  std::mt19937 random(3);
  std::string stream;
  std::vector<std::string> bodies;
  for (int i = 0; i < 200; ++i) {
    bodies.emplace_back(random() % 50, static_cast<char>('a' + i % 26));
    stream += encode_frame(bodies.back());
  }
  for (int round = 0; round < 50; ++round) {
    FrameReader reader(50);
    size_t read = 0;
    for (size_t begin = 0; begin < stream.size();) {
      const size_t count = std::min<size_t>(random() % 40, stream.size() - begin);
      reader.append(std::string_view(stream).substr(begin, count));
      begin += count;
      while (const auto body = reader.next()) EXPECT_EQ(*body, bodies.at(read++));
    }
    EXPECT_EQ(read, bodies.size());
    EXPECT_FALSE(reader.partial());
  }
}

TEST(StoreProtocol, RequestsSurviveTheWire) {
  const std::string long_key(Store::kMaxKey, 'k');
  for (const std::string_view key : {std::string_view("k"), std::string_view(long_key)}) {
    for (const Request request :
         {Request{.operation = Operation::kSet, .key = key, .value = ""},
          Request{.operation = Operation::kSetIfAbsent, .key = key, .value = "value"},
          Request{.operation = Operation::kAdd, .key = key, .amount = INT64_MIN},
          Request{.operation = Operation::kWait, .key = key, .milliseconds = UINT32_MAX},
          Request{.operation = Operation::kTryGet, .key = key},
          Request{.operation = Operation::kErase, .key = key}}) {
      std::string why;
      const std::string frame = encode(request);
      const auto parsed = parse_request(std::string_view(frame).substr(4), why);
      ASSERT_TRUE(parsed) << why;
      EXPECT_EQ(parsed->operation, request.operation);
      EXPECT_EQ(parsed->key, request.key);
      EXPECT_EQ(parsed->value, request.value);
      EXPECT_EQ(parsed->amount, request.amount);
      EXPECT_EQ(parsed->milliseconds, request.milliseconds);
      for (size_t length = 0; length + 4 < frame.size() && request.value.empty(); ++length) {
        EXPECT_FALSE(parse_request(std::string_view(frame).substr(4, length), why)) << length;
      }
    }
  }
}

}  // namespace
}  // namespace headrace::comm
