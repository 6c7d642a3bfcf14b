#include "comm/transport/lane.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace headrace::comm {

void Lane::open(Descriptor socket, int peer, uint32_t epoch) {
  socket_ = std::move(socket);
  peer_ = peer;
  epoch_ = epoch;
}

void Lane::send(Message& message) {
  if (sending_.empty()) sent_of_header_ = 0;
  sending_.push(message);
}

Lane::Result Lane::write() {
  bool moved = false;
  while (!sending_.empty()) {
    Message& message = sending_.front();
    if (sent_of_header_ == 0) {
      sent_header_ = encode(Frame{.epoch = epoch_,
                                  .op = message.op,
                                  .index = message.index,
                                  .signature = message.signature,
                                  .length = message.bytes});
    }
    std::array<iovec, 2> parts{
        iovec{sent_header_.data() + sent_of_header_, Frame::kBytes - sent_of_header_},
        iovec{message.data + message.moved, message.bytes - message.moved}};
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = message.bytes > message.moved ? 2 : 1;
    const ssize_t count = ::sendmsg(socket_.number(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return lost(errno);
    }
    moved = true;
    const size_t of_header = std::min(static_cast<size_t>(count), Frame::kBytes - sent_of_header_);
    sent_of_header_ += of_header;
    message.moved += static_cast<size_t>(count) - of_header;
    if (sent_of_header_ < Frame::kBytes || message.moved < message.bytes) continue;
    sending_.pop();
    sent_of_header_ = 0;
    message.done = true;
  }
  return moved ? Result::kMoved : Result::kNothing;
}

Lane::Result Lane::read(std::span<std::byte> staging) {
  Message& message = receiving_.front();
  while (true) {
    const size_t left = message.bytes - message.moved;
    const bool takes = message.take != nullptr;
    std::array<iovec, 2> parts{
        iovec{header_.data() + got_of_header_, Frame::kBytes - got_of_header_},
        takes
            ? iovec{staging.data() + carried_, std::min(left - carried_, staging.size() - carried_)}
            : iovec{message.data + message.moved, std::min(left, kMaxPiece)}};
    msghdr header{};
    const bool whole_header = got_of_header_ == Frame::kBytes;
    header.msg_iov = parts.data() + (whole_header ? 1 : 0);
    header.msg_iovlen = (whole_header ? 0 : 1) + (left > 0 ? 1 : 0);
    const ssize_t result = ::recvmsg(socket_.number(), &header, MSG_DONTWAIT);
    if (result < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wake_for(left);
        return Result::kNothing;
      }
      return lost(errno);
    }
    if (result == 0) return lost(0);
    auto count = static_cast<size_t>(result);
    if (!whole_header) {
      const size_t of_header = std::min(count, Frame::kBytes - got_of_header_);
      got_of_header_ += of_header;
      count -= of_header;
      if (got_of_header_ < Frame::kBytes) return Result::kMoved;
      if (!check_header()) return Result::kMismatch;
    }
    if (takes) {
      take(message, staging, count);
    } else {
      message.moved += count;
    }
    if (message.moved < message.bytes) return Result::kMoved;
    receiving_.pop();
    got_of_header_ = 0;
    message.done = true;
    return Result::kMoved;
  }
}

/// Hands over whole elements; the rest of the last one is kept in front of what comes next.
void Lane::take(Message& message, std::span<std::byte> staging, size_t got) {
  std::memcpy(staging.data(), carry_.data(), carried_);
  const size_t there = carried_ + got;
  const size_t whole = there & ~(message.unit - 1);
  if (whole > 0) message.take(message, staging.data(), message.moved, whole);
  message.moved += whole;
  carried_ = there - whole;
  std::memcpy(carry_.data(), staging.data() + whole, carried_);
}

/// Of a long message, whoever sleeps is woken for a batch, not for each packet. Never for more than
/// is still to come.
void Lane::wake_for(size_t left) {
  constexpr size_t kBatch = size_t{512} << 10;  // half a millisecond at 10 Gbit/s
  const int wanted = left < kBatch / 4 ? 1 : static_cast<int>(std::min(left, kBatch));
  if (wanted == low_water_) return;
  low_water_ = wanted;
  // Without it there are more wake-ups and nothing else.
  ::setsockopt(socket_.number(), SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
}

bool Lane::check_header() {
  std::string why;
  const auto frame = decode_frame(header_, why);
  const Message& message = receiving_.front();
  if (!frame) {
    mismatch(message.op, std::move(why));
    return false;
  }
  if (frame->epoch != epoch_) {
    mismatch(message.op,
             fmt::format("a message of epoch {} came, this is epoch {}", frame->epoch, epoch_));
    return false;
  }
  std::string found =
      difference(message, {frame->op, frame->index, frame->signature, frame->length});
  if (found.empty()) return true;
  mismatch(frame->op, std::move(found));
  return false;
}

void Lane::mismatch(uint32_t op, std::string reason) {
  found_op_ = op;
  stuck_ = true;
  reason_ = std::move(reason);
}

Lane::Result Lane::lost(int error) {
  stuck_ = true;
  reason_ = error == 0
                ? fmt::format("rank {} closed its connection: its process ended", peer_)
                : fmt::format("the connection to rank {} broke: {}", peer_, std::strerror(error));
  sending_.clear();
  return Result::kLost;
}

void Lane::cancel() {
  sending_.clear();
  receiving_.clear();
}

}  // namespace headrace::comm
