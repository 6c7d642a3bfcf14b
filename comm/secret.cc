#include "comm/secret.h"

#include <fstream>
#include <span>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include "comm/host.h"
#include "comm/launch_environment.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

void append(std::string& bytes, std::string_view field) {
  const auto size = static_cast<uint64_t>(field.size());
  for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(size >> shift));
  bytes.append(field);
}

std::string_view bytes_of(const Nonce& nonce) {
  return {reinterpret_cast<const char*>(nonce.data()), nonce.size()};
}

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Secret::Secret(std::string text) : text_(std::move(text)) {
  require(
      text_.size() >= kMinLength, ErrorCode::kInvalidArgument,
      "a job's secret has at least {} characters, this one has {}; `openssl rand -hex 32` makes "
      "a good one",
      kMinLength, text_.size());
}

Secret Secret::random() { return Secret(hex(random_nonce())); }

Secret Secret::from_file(const std::filesystem::path& path) {
  struct stat status {};
  require(stat(path.c_str(), &status) == 0, ErrorCode::kNotFound,
          "there is no file '{}' with the job's secret", path.string());
  require((status.st_mode & (S_IRWXG | S_IRWXO)) == 0, ErrorCode::kInvalidArgument,
          "others than its owner may use '{}' (mode {:o}), so its secret is none; chmod 600 it and "
          "write a new one",
          path.string(), status.st_mode & 0777u);
  std::ifstream file(path);
  std::string line;
  require(static_cast<bool>(std::getline(file, line)), ErrorCode::kIo,
          "cannot read the job's secret from '{}'", path.string());
  return Secret(line);
}

Secret Secret::from_environment() {
  const auto text = environment_variable("HEADRACE_SECRET");
  const auto path = environment_variable("HEADRACE_SECRET_FILE");
  require(!text || !path, ErrorCode::kInvalidArgument,
          "both HEADRACE_SECRET and HEADRACE_SECRET_FILE are set; unset one of them");
  if (text) return Secret(*text);
  return path ? from_file(*path) : Secret();
}

Nonce random_nonce() {
  Nonce nonce;
  require(RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) == 1, ErrorCode::kInternal,
          "OpenSSL has no random bytes to give");
  return nonce;
}

Proof prove(const Secret& secret, Side side, const Challenge& challenge) {
  // Every field with its length, so that no two challenges are the same bytes.
  std::string message = "headrace hello 1";
  message.push_back(static_cast<char>(side));
  for (const std::string_view field : {challenge.purpose, bytes_of(challenge.caller),
                                       bytes_of(challenge.listener), challenge.claims}) {
    append(message, field);
  }
  Proof proof;
  unsigned length = 0;
  const auto* key = secret.empty() ? "" : secret.text().c_str();
  const auto* done = HMAC(EVP_sha256(), key, static_cast<int>(secret.text().size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          proof.data(), &length);
  require(done != nullptr && length == proof.size(), ErrorCode::kInternal,
          "OpenSSL computes no HMAC-SHA256");
  return proof;
}

bool verify(const Proof& proof, const Secret& secret, Side side, const Challenge& challenge) {
  const Proof expected = prove(secret, side, challenge);
  return CRYPTO_memcmp(proof.data(), expected.data(), expected.size()) == 0;
}

std::string sha256(std::string_view bytes) {
  std::array<uint8_t, 32> digest;
  unsigned length = 0;
  require(
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1 &&
          length == digest.size(),
      ErrorCode::kInternal, "OpenSSL computes no SHA-256");
  return hex(digest);
}

void require_secret(const Secret& secret, std::string_view address, bool insecure) {
  require(
      !secret.empty() || insecure || is_loopback(address), ErrorCode::kInvalidArgument,
      "{} can be reached from other machines, and the job has no secret: set HEADRACE_SECRET (or "
      "HEADRACE_SECRET_FILE) to the same value on all ranks, start them with `headrace launch`, "
      "or give --insecure on a network where nobody else is",
      address);
}

}  // namespace headrace::comm
