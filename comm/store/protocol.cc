#include "comm/store/protocol.h"

#include "core/error.h"

namespace headrace::comm::store_protocol {

std::string encode_number(uint64_t number, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(number >> (8 * i)));
  return text;
}

uint64_t decode_number(std::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<uint8_t>(bytes[i]);
  return number;
}

std::string encode_frame(std::string_view body) {
  return encode_number(body.size(), 4).append(body);
}

std::string encode(const Request& request) {
  std::string body(1, static_cast<char>(request.operation));
  body += encode_number(request.key.size(), 2);
  body += request.key;
  switch (request.operation) {
    case Operation::kSet:
    case Operation::kSetIfAbsent:
      body += request.value;
      break;
    case Operation::kAdd:
      body += encode_number(static_cast<uint64_t>(request.amount), 8);
      break;
    case Operation::kWait:
      body += encode_number(request.milliseconds, 4);
      break;
    case Operation::kTryGet:
    case Operation::kErase:
      break;
  }
  return encode_frame(body);
}

std::string encode_reply(Status status, std::string_view rest) {
  return encode_frame(std::string(1, static_cast<char>(status)).append(rest));
}

std::optional<Request> parse_request(std::string_view body, std::string& why) {
  constexpr size_t kHead = 3;
  if (body.size() < kHead) {
    why = fmt::format("a request of {} bytes", body.size());
    return std::nullopt;
  }
  Request request;
  const auto operation = static_cast<uint8_t>(body[0]);
  const size_t key_length = decode_number(body.substr(1, 2));
  if (key_length == 0 || key_length > Store::kMaxKey || key_length > body.size() - kHead) {
    why = fmt::format("a key of {} bytes in a request of {}", key_length, body.size());
    return std::nullopt;
  }
  request.operation = static_cast<Operation>(operation);
  request.key = body.substr(kHead, key_length);
  const std::string_view rest = body.substr(kHead + key_length);
  size_t expected = 0;
  switch (request.operation) {
    case Operation::kSet:
    case Operation::kSetIfAbsent:
      if (rest.size() > Store::kMaxValue) {
        why = fmt::format("a value of {} bytes", rest.size());
        return std::nullopt;
      }
      request.value = rest;
      return request;
    case Operation::kAdd:
      expected = 8;
      break;
    case Operation::kWait:
      expected = 4;
      break;
    case Operation::kTryGet:
    case Operation::kErase:
      break;
    default:
      why = fmt::format("operation {}", operation);
      return std::nullopt;
  }
  if (rest.size() != expected) {
    why = fmt::format("{} bytes after the key where {} belong", rest.size(), expected);
    return std::nullopt;
  }
  if (request.operation == Operation::kAdd) {
    request.amount = static_cast<int64_t>(decode_number(rest));
  } else if (request.operation == Operation::kWait) {
    request.milliseconds = static_cast<uint32_t>(decode_number(rest));
  }
  return request;
}

std::optional<Status> parse_status(std::string_view body) {
  if (body.empty() || static_cast<uint8_t>(body[0]) > static_cast<uint8_t>(Status::kRefused)) {
    return std::nullopt;
  }
  return static_cast<Status>(body[0]);
}

std::optional<std::string_view> FrameReader::next() {
  // What was handed out is dropped now; most often that is all there is.
  if (consumed_ > 0) {
    bytes_.erase(0, consumed_);
    consumed_ = 0;
  }
  if (bytes_.size() < 4) return std::nullopt;
  const size_t length = decode_number(std::string_view(bytes_).substr(0, 4));
  require(length <= limit_, ErrorCode::kCorrupt, "a frame of {} bytes where at most {} may come",
          length, limit_);
  if (bytes_.size() - 4 < length) return std::nullopt;
  consumed_ = 4 + length;
  return std::string_view(bytes_).substr(4, length);
}

}  // namespace headrace::comm::store_protocol
