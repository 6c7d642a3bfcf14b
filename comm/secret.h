#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

/// How the processes of a job know each other: all have the job's secret, and each proves it to the
/// other without saying it, before anything else is believed.
namespace headrace::comm {

/// What HEADRACE_SECRET holds. Without one (default constructed) proofs are computed with an empty
/// key: they guard against strangers that come by accident, not against those that want in.
class Secret {
 public:
  static constexpr size_t kMinLength = 16;  // characters

  Secret() = default;

  /// Throws kInvalidArgument if it is shorter than kMinLength.
  explicit Secret(std::string text);

  /// A new one: 32 random bytes in hexadecimal.
  static Secret random();

  /// The first line of a file that nobody but its owner can read or write; throws kInvalidArgument
  /// if others can, kNotFound or kIo if it cannot be read.
  static Secret from_file(const std::filesystem::path& path);

  /// HEADRACE_SECRET, or the file that HEADRACE_SECRET_FILE names; the empty one if neither is set,
  /// kInvalidArgument if both are.
  static Secret from_environment();

  bool empty() const { return text_.empty(); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

using Nonce = std::array<uint8_t, 32>;
using Proof = std::array<uint8_t, 32>;

/// Random bytes of the operating system's generator, never used twice.
Nonce random_nonce();

enum class Side : uint8_t { kListener = 1, kCaller = 2 };

/// One conversation: the nonces that both sides chose for it, what it is for ("store", "group"),
/// and what the caller says of itself (its job, rank, epoch, in any encoding of which two differ if
/// what they say does).
struct Challenge {
  std::string_view purpose;
  Nonce caller;
  Nonce listener;
  std::string_view claims;
};

/// HMAC-SHA256 (RFC 2104, FIPS 180-4) with the secret over side and challenge. Each side sends its
/// own and checks the other's; a proof is good for one side of one conversation, so that repeating
/// or reflecting it is of no use.
Proof prove(const Secret& secret, Side side, const Challenge& challenge);

/// True if `proof` is prove(secret, side, challenge). Takes the same time whatever the difference.
bool verify(const Proof& proof, const Secret& secret, Side side, const Challenge& challenge);

/// SHA-256 in hexadecimal.
std::string sha256(std::string_view bytes);

/// Throws kInvalidArgument where a socket at `address` (numeric, IPv4 or IPv6) would speak without
/// a secret to more than this machine, unless `insecure`.
void require_secret(const Secret& secret, std::string_view address, bool insecure);

}  // namespace headrace::comm
