#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "comm/wire/frame.h"
#include "comm/wire/hello.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using ::testing::HasSubstr;

uint8_t byte(const FrameBytes& bytes, size_t i) { return static_cast<uint8_t>(bytes[i]); }

// The layout of docs/communication.md, byte by byte.
TEST(Frame, HasTheLayoutOfTheDocument) {
  const Frame frame{.epoch = 0x01020304,
                    .op = 0x11121314,
                    .index = 0x21222324,
                    .signature = 0x3132333435363738,
                    .length = 0x4142434445464748};
  const FrameBytes bytes = encode(frame);
  const std::vector<uint8_t> expected{0x48, 0x72, 1,    1,    0x04, 0x03, 0x02, 0x01,
                                      0x14, 0x13, 0x12, 0x11, 0x24, 0x23, 0x22, 0x21,
                                      0x38, 0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31,
                                      0x48, 0x47, 0x46, 0x45, 0x44, 0x43, 0x42, 0x41};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(byte(bytes, i), expected[i]) << i;
  std::string why;
  EXPECT_EQ(decode_frame(bytes, why), frame);
}

TEST(Frame, OfAnotherKindIsRefusedWithTheReason) {
  for (const auto& [at, reason] :
       {std::pair{0, "no header of headrace"}, std::pair{2, "of version 3, this is version 1"},
        std::pair{3, "of unknown type 3"}}) {
    FrameBytes bytes = encode(Frame{});
    bytes[static_cast<size_t>(at)] = std::byte{3};
    std::string why;
    EXPECT_FALSE(decode_frame(bytes, why));
    EXPECT_THAT(why, HasSubstr(reason));
  }
}

std::vector<ControlFrame> control_frames() {
  using Type = ControlFrame::Type;
  return {{.type = Type::kGoodbye},
          {.type = Type::kFailure, .value = 12, .rank = 3, .text = "rank 3 is gone"},
          {.type = Type::kAsk, .value = 0xffffffff},
          {.type = Type::kAnswer, .value = 7, .text = std::string(5000, 'x')},
          {.type = Type::kBeat}};
}

TEST(ControlFrame, ComesOutOfTheStreamHoweverItIsCut) {
  std::string stream;
  for (const auto& frame : control_frames()) stream += encode(frame);
  for (size_t piece : {1, 2, 15, 16, 17, 1000, 100000}) {
    ControlParser parser;
    std::vector<ControlFrame> found;
    for (size_t at = 0; at < stream.size(); at += piece) {
      parser.append(
          std::as_bytes(std::span(stream)).subspan(at, std::min(piece, stream.size() - at)));
      while (auto frame = parser.next()) found.push_back(*frame);
    }
    EXPECT_EQ(found, control_frames()) << piece;
  }
}

TEST(ControlFrame, LosesTheEndOfATextThatIsTooLong) {
  ControlParser parser;
  const std::string bytes =
      encode(ControlFrame{.type = ControlFrame::Type::kFailure, .text = std::string(100000, 'y')});
  parser.append(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(parser.next()->text, std::string(ControlFrame::kMaxText, 'y'));
}

TEST(ControlFrame, GarbageIsFoundBeforeItIsWaitedFor) {
  for (const auto& [at, value] :
       {std::pair{0, 9}, std::pair{2, 9}, std::pair{3, 9}, std::pair{3, 0}, std::pair{14, 9}}) {
    std::string bytes = encode(ControlFrame{});
    bytes[static_cast<size_t>(at)] = static_cast<char>(value);
    ControlParser parser;
    parser.append(std::as_bytes(std::span(bytes)));
    EXPECT_THROW(parser.next(), Error) << at;
  }
}

CallerHello caller() {
  return {.membership = {.job = "resnet", .size = 8, .epoch = 2, .channels = 5},
          .rank = 6,
          .target = 3,
          .channel = 4,
          .nonce = random_nonce()};
}

TEST(Hello, SurvivesTheWay) {
  const CallerHello hello = caller();
  EXPECT_EQ(decode_caller(encode(hello)), hello);
  ListenerHello answer{.refusal = Refusal::kEpoch, .membership = hello.membership, .rank = 3};
  answer.nonce = random_nonce();
  answer.proof.fill(0xab);
  EXPECT_EQ(decode_listener(encode(answer)), answer);
}

TEST(Hello, OfAStrangerIsRefusedForTheRightReason) {
  const Membership ours = caller().membership;
  EXPECT_EQ(check(caller(), ours, 3), Refusal::kNone);
  auto refusal = [&](auto change) {
    CallerHello hello = caller();
    change(hello);
    const auto decoded = decode_caller(encode(hello));
    return decoded ? check(*decoded, ours, 3) : Refusal::kNone;
  };
  EXPECT_EQ(Refusal::kVersion, refusal([](CallerHello& h) { h.version = 2; }));
  EXPECT_EQ(Refusal::kJob, refusal([](CallerHello& h) { h.membership.job = "bert"; }));
  EXPECT_EQ(Refusal::kSize, refusal([](CallerHello& h) { h.membership.size = 9; }));
  EXPECT_EQ(Refusal::kEpoch, refusal([](CallerHello& h) { h.membership.epoch = 1; }));
  EXPECT_EQ(Refusal::kChannels, refusal([](CallerHello& h) { h.membership.channels = 2; }));
  EXPECT_EQ(Refusal::kTarget, refusal([](CallerHello& h) { h.target = 4; }));
  EXPECT_EQ(Refusal::kRank, refusal([](CallerHello& h) { h.rank = 3; }));
  EXPECT_EQ(Refusal::kRank, refusal([](CallerHello& h) { h.rank = 8; }));
  EXPECT_EQ(Refusal::kRank, refusal([](CallerHello& h) { h.rank = 0xffffffff; }));
  EXPECT_EQ(Refusal::kRank, refusal([](CallerHello& h) { h.channel = 5; }));
}

// A proof is good for what was claimed and for one pair of nonces.
TEST(Hello, ProofsCoverEverythingThatIsClaimed) {
  const Secret secret("sixteen letters!");
  const CallerHello hello = caller();
  const Nonce nonce = random_nonce();
  const CallerHelloBytes bytes = encode(hello);
  const Proof proof = prove(secret, Side::kCaller, challenge(bytes, hello, nonce));
  EXPECT_TRUE(verify(proof, secret, Side::kCaller, challenge(bytes, hello, nonce)));
  EXPECT_FALSE(verify(proof, secret, Side::kListener, challenge(bytes, hello, nonce)));
  EXPECT_FALSE(verify(proof, secret, Side::kCaller, challenge(bytes, hello, random_nonce())));
  for (size_t i = 0; i < bytes.size(); ++i) {
    CallerHelloBytes other = bytes;
    other[i] ^= std::byte{1};
    EXPECT_FALSE(verify(proof, secret, Side::kCaller, challenge(other, hello, nonce))) << i;
  }
}

TEST(Hello, RandomBytesAreNoHello) {
  std::mt19937 random(1);
  for (int i = 0; i < 10000; ++i) {
    CallerHelloBytes bytes;
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    EXPECT_FALSE(decode_caller(bytes).has_value());
  }
}

}  // namespace
}  // namespace headrace::comm
