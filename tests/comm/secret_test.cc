#include "comm/secret.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/expect_error.h"

namespace headrace::comm {
namespace {

using testing::expect_error;

Secret some_secret() { return Secret("0123456789abcdef0123456789abcdef"); }

Challenge some_challenge() {
  Challenge challenge{.purpose = "store", .claims = "rank 3"};
  for (size_t i = 0; i < challenge.caller.size(); ++i) {
    challenge.caller[i] = static_cast<uint8_t>(i);
    challenge.listener[i] = static_cast<uint8_t>(100 + i);
  }
  return challenge;
}

std::string hex(const Proof& proof) {
  std::string text;
  for (const uint8_t byte : proof) text += fmt::format("{:02x}", byte);
  return text;
}

// The reference is Python's hmac module over the same bytes:
//   f = lambda b: struct.pack("<Q", len(b)) + b
//   hmac.new(b"0123456789abcdef0123456789abcdef", b"headrace hello 1" + b"\2" + f(b"store")
//     + f(bytes(range(32))) + f(bytes(range(100, 132))) + f(b"rank 3"), "sha256").hexdigest()
TEST(Secret, ProofIsHmacSha256) {
  EXPECT_EQ(hex(prove(some_secret(), Side::kCaller, some_challenge())),
            "98681a708c7e90b3c94cdc38db0239b162572c5075180a53273ee18013b0e28e");
}

// A proof for one conversation is none for any other: change one thing at a time.
TEST(Secret, ProofIsForOneSideOfOneConversation) {
  const Proof proof = prove(some_secret(), Side::kCaller, some_challenge());
  EXPECT_TRUE(verify(proof, some_secret(), Side::kCaller, some_challenge()));
  EXPECT_FALSE(verify(proof, some_secret(), Side::kListener, some_challenge()));
  EXPECT_FALSE(
      verify(proof, Secret("0123456789abcdef0123456789abcdeF"), Side::kCaller, some_challenge()));
  EXPECT_FALSE(verify(proof, Secret(), Side::kCaller, some_challenge()));

  Challenge other = some_challenge();
  other.purpose = "group";
  EXPECT_FALSE(verify(proof, some_secret(), Side::kCaller, other));
  other = some_challenge();
  other.claims = "rank 4";
  EXPECT_FALSE(verify(proof, some_secret(), Side::kCaller, other));
  other = some_challenge();
  std::swap(other.caller, other.listener);
  EXPECT_FALSE(verify(proof, some_secret(), Side::kCaller, other));
  for (size_t i = 0; i < other.caller.size(); ++i) {
    other = some_challenge();
    other.caller[i] ^= 1;
    EXPECT_FALSE(verify(proof, some_secret(), Side::kCaller, other));
    other = some_challenge();
    other.listener[i] ^= 0x80;
    EXPECT_FALSE(verify(proof, some_secret(), Side::kCaller, other));
  }
  for (size_t i = 0; i < proof.size(); ++i) {
    Proof altered = proof;
    altered[i] ^= 4;
    EXPECT_FALSE(verify(altered, some_secret(), Side::kCaller, some_challenge()));
  }
}

// Bytes cannot move from one field to the next.
TEST(Secret, FieldsDoNotRunTogether) {
  Challenge one = some_challenge();
  Challenge two = some_challenge();
  one.purpose = "store1";
  one.claims = "";
  two.purpose = "store";
  two.claims = "1";
  EXPECT_NE(prove(some_secret(), Side::kCaller, one), prove(some_secret(), Side::kCaller, two));
}

// FIPS 180-4, example of one block.
TEST(Secret, Sha256) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Secret, RandomOnesDiffer) {
  std::set<std::string> secrets;
  std::set<Nonce> nonces;
  for (int i = 0; i < 100; ++i) {
    secrets.insert(Secret::random().text());
    nonces.insert(random_nonce());
  }
  EXPECT_EQ(secrets.size(), 100u);
  EXPECT_EQ(nonces.size(), 100u);
  EXPECT_EQ(secrets.begin()->size(), 64u);
}

TEST(Secret, ShortOnesAreRefused) {
  expect_error(ErrorCode::kInvalidArgument, [] { Secret("0123456789abcde"); });
  EXPECT_EQ(Secret("0123456789abcdef").text().size(), Secret::kMinLength);
}

class SecretSources : public ::testing::Test {
 protected:
  SecretSources() {
    unsetenv("HEADRACE_SECRET");
    unsetenv("HEADRACE_SECRET_FILE");
    path_ = std::filesystem::path(::testing::TempDir()) / fmt::format("secret_{}", getpid());
    std::ofstream(path_) << "fedcba9876543210\nsecond line\n";
    chmod(path_.c_str(), 0600);
  }
  ~SecretSources() override {
    std::filesystem::remove(path_);
    unsetenv("HEADRACE_SECRET");
    unsetenv("HEADRACE_SECRET_FILE");
  }
  std::filesystem::path path_;
};

TEST_F(SecretSources, EnvironmentAndFile) {
  EXPECT_TRUE(Secret::from_environment().empty());
  setenv("HEADRACE_SECRET", "0123456789abcdef", 1);
  EXPECT_EQ(Secret::from_environment().text(), "0123456789abcdef");
  setenv("HEADRACE_SECRET_FILE", path_.c_str(), 1);
  expect_error(ErrorCode::kInvalidArgument, [] { Secret::from_environment(); });
  setenv("HEADRACE_SECRET", "", 1);  // as good as not set
  EXPECT_EQ(Secret::from_environment().text(), "fedcba9876543210");
}

TEST_F(SecretSources, FileThatOthersCanUse) {
  for (const mode_t mode : {0640, 0604, 0620}) {
    chmod(path_.c_str(), mode);
    expect_error(ErrorCode::kInvalidArgument, [&] { Secret::from_file(path_); });
  }
  expect_error(ErrorCode::kNotFound, [] { Secret::from_file("/nonexistent/secret"); });
}

TEST(Secret, NeededOnlyWhereOthersReach) {
  for (const char* address : {"127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_NO_THROW(require_secret(Secret(), address, false)) << address;
  }
  for (const char* address :
       {"0.0.0.0", "10.0.0.1", "128.0.0.1", "::", "fe80::1", "::ffff:10.0.0.1", "localhost", ""}) {
    expect_error(ErrorCode::kInvalidArgument, [&] { require_secret(Secret(), address, false); });
    EXPECT_NO_THROW(require_secret(Secret(), address, true)) << address;
    EXPECT_NO_THROW(require_secret(some_secret(), address, false)) << address;
  }
}

}  // namespace
}  // namespace headrace::comm
