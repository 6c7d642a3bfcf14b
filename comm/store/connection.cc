#include "comm/store/connection.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "core/error.h"

namespace headrace::comm {

using namespace store_protocol;
using std::chrono::steady_clock;

StoreConnection::StoreConnection(Descriptor socket, StoreService& service)
    : socket_(std::move(socket)), service_(service), input_(kMaxHelloFrame) {}

void StoreConnection::progress(bool can_write) {
  if (can_write) write();
  if (ended_ || writing()) return;
  handle_frames();  // what came while an answer was on its way
  if (!ended_ && !writing()) read();
}

bool StoreConnection::answer_wait(Deadline now) {
  const std::string* value = service_.table.find(awaited_);
  if (value == nullptr && wait_ends_ > now) return false;
  waiting_ = false;
  if (value != nullptr) {
    reply(Status::kOk, *value);
  } else {
    reply(Status::kAbsent);
  }
  handle_frames();
  return true;
}

void StoreConnection::read() {
  char block[1 << 16];
  // As much as one round may take from the others.
  for (int round = 0; round < 16; ++round) {
    const ssize_t count = recv(socket_.number(), block, sizeof block, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (count <= 0) return end();
    input_.append({block, static_cast<size_t>(count)});
    handle_frames();
    if (ended_ || writing()) return;
    // Somebody who waits has nothing to say: what comes is the end, or a request too early.
    if (waiting_ && input_.partial()) return refuse("a request before the answer to the last");
  }
}

void StoreConnection::handle_frames() {
  try {
    while (!ended_ && !closing_ && !waiting_ && !writing()) {
      const auto body = input_.next();
      if (!body) return;
      if (stage_ == Stage::kGreeting) {
        greet(*body);
      } else if (stage_ == Stage::kProof) {
        check_proof(*body);
      } else {
        std::string why;
        const auto request = parse_request(*body, why);
        if (!request) return refuse(why);
        handle(*request);
      }
    }
  } catch (const Error& error) {
    refuse(error.message());
  }
}

void StoreConnection::greet(std::string_view body) {
  // Strangers get no answer but the end of the connection.
  if (body.size() != kGreetingBytes || !body.starts_with(kMagic)) return end();
  std::ranges::copy(body.substr(kMagic.size()), caller_.begin());
  own_ = random_nonce();
  const Proof proof = prove(service_.secret, Side::kListener,
                            {.purpose = "store", .caller = caller_, .listener = own_});
  std::string answer(kMagic);
  answer.append(reinterpret_cast<const char*>(own_.data()), own_.size());
  answer.append(reinterpret_cast<const char*>(proof.data()), proof.size());
  stage_ = Stage::kProof;
  output_ += encode_frame(answer);
  write();
}

void StoreConnection::check_proof(std::string_view body) {
  if (body.size() != sizeof(Proof)) return end();
  Proof proof;
  std::ranges::copy(body, proof.begin());
  if (!verify(proof, service_.secret, Side::kCaller,
              {.purpose = "store", .caller = caller_, .listener = own_})) {
    return refuse("the secret of this job is another one");
  }
  stage_ = Stage::kKnown;
  input_.set_limit(kMaxFrame);
  reply(Status::kOk);
}

void StoreConnection::handle(const Request& request) {
  Table& table = service_.table;
  const bool adds = request.operation == Operation::kSet || request.operation == Operation::kAdd ||
                    request.operation == Operation::kSetIfAbsent;
  if (adds && table.bytes() + request.key.size() + request.value.size() > StoreService::kMaxBytes) {
    return refuse(fmt::format("the store is full: it holds {} bytes", table.bytes()));
  }
  service_.changed |= adds;
  switch (request.operation) {
    case Operation::kSet:
      table.set(request.key, request.value);
      return reply(Status::kOk);
    case Operation::kSetIfAbsent:
      return reply(Status::kOk, table.set_if_absent(request.key, request.value));
    case Operation::kAdd:
      try {
        const int64_t sum = table.add(request.key, request.amount);
        return reply(Status::kOk, encode_number(static_cast<uint64_t>(sum), 8));
      } catch (const Error& error) {
        return reply(Status::kTypeMismatch, error.message());
      }
    case Operation::kErase:
      return reply(table.erase(request.key) ? Status::kOk : Status::kAbsent);
    case Operation::kTryGet:
    case Operation::kWait:
      break;
  }
  if (const std::string* value = table.find(request.key)) return reply(Status::kOk, *value);
  if (request.milliseconds == 0) return reply(Status::kAbsent);
  waiting_ = true;
  awaited_ = request.key;
  wait_ends_ = steady_clock::now() + std::chrono::milliseconds(request.milliseconds);
}

void StoreConnection::reply(Status status, std::string_view rest) {
  output_ += encode_reply(status, rest);
  write();
}

void StoreConnection::refuse(std::string_view why) {
  waiting_ = false;
  closing_ = true;
  if (stage_ == Stage::kGreeting) return end();
  reply(Status::kRefused, why);
}

void StoreConnection::write() {
  while (writing()) {
    const ssize_t count =
        send(socket_.number(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (count >= 0) {
      sent_ += static_cast<size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      return end();
    }
  }
  output_.clear();
  sent_ = 0;
  if (closing_) return end();
}

}  // namespace headrace::comm
