#include "comm/progress.h"

#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "comm/reduce.h"

namespace headrace::comm {

void Progress::begin(std::shared_ptr<const Program> program, const Collective& collective,
                     uint32_t op, int lane, int lanes) {
  program_ = std::move(program);
  data_ = static_cast<std::byte*>(collective.data);
  input_ = static_cast<const std::byte*>(collective.input);
  op_ = op;
  lane_ = lane;
  lanes_ = lanes;
  element_ = size_of(collective.dtype);
  const bool encoded = collective.wire != DType::kUndefined;
  wire_element_ = encoded ? size_of(collective.wire) : element_;
  at_.store(0, std::memory_order_relaxed);
  posted_ = false;
  const auto places = static_cast<size_t>(program_->places);
  if (places_.size() < places) places_ = std::vector<Place>(places);
  for (Place& place : places_) place.used = false;
  const size_t scratch = program_->scratch_count * wire_element_;
  if (scratch_.size() < scratch) scratch_.resize(scratch);
  if (encoded) {
    const size_t bytes = places * program_->longest_send * wire_element_;
    if (encoded_.size() < bytes) encoded_.resize(bytes);
  }
}

bool Progress::advance(Transport& transport) {
  const auto& steps = program_->steps;
  uint32_t at = step();
  while (at < steps.size()) {
    const Program::Step& step = steps[at];
    if (step.after_sends && !posted_ &&
        !sends_done_from(step.target_buffer, {step.target, step.count})) {
      return false;
    }
    switch (step.action) {
      case Program::Action::kSend:
        if (!send(transport, step)) return false;
        break;
      case Program::Action::kReceive:
      case Program::Action::kReceiveReduce:
        if (!receive(transport, step)) return false;
        break;
      case Program::Action::kReduce:
        reduce(step);
        break;
      case Program::Action::kCopy:
        std::memcpy(address(step.target_buffer, step.target, element_),
                    address(step.source_buffer, step.source, element_), step.count * element_);
        break;
    }
    at_.store(++at, std::memory_order_relaxed);
  }
  for (const Place& place : places_) {
    if (place.used && !place.message.done) return false;
  }
  const DType wire = program_->collective.wire;
  for (const Range& range : program_->to_round) {
    round_to(wire, reinterpret_cast<float*>(data_) + range.begin, range.count);
  }
  return true;
}

Progress::Wait Progress::waits_for() const {
  if (posted_) return {received_.peer, false, received_.moved, received_.bytes};
  for (const Place& place : places_) {
    if (place.used && !place.message.done) {
      return {place.message.peer, true, place.message.moved, place.message.bytes};
    }
  }
  return {};
}

std::string Progress::position() const {
  std::string text = fmt::format("step {} of {}", step(), program_->steps.size());
  const Wait wait = waits_for();
  if (wait.peer < 0) return text;
  return text + fmt::format(", {} rank {}, {} of {} bytes done",
                            wait.sending ? "sending to" : "receiving from", wait.peer, wait.moved,
                            wait.bytes);
}

std::byte* Progress::address(Buffer buffer, size_t at, size_t element) const {
  switch (buffer) {
    case Buffer::kData:
      return data_ + at * element;
    case Buffer::kInput:  // read only: no step has it as its target
      return const_cast<std::byte*>(input_) + at * element;
    case Buffer::kScratch:
      break;
  }
  return const_cast<std::byte*>(scratch_.data()) + at * wire_element_;
}

bool Progress::sends_done_from(Buffer buffer, const Range& range) const {
  if (program_->collective.wire != DType::kUndefined) return true;  // sent from copies
  const std::byte* begin = address(buffer, range.begin, element_);
  const std::byte* end = begin + range.count * element_;
  for (const Place& place : places_) {
    const Message& message = place.message;
    if (place.used && !message.done && message.data < end && begin < message.data + message.bytes) {
      return false;
    }
  }
  return true;
}

void Progress::set_up(Message& message, const Program::Step& step) const {
  message.peer = step.peer;
  message.lane = lane_ + static_cast<int>(step.index % static_cast<uint32_t>(lanes_));
  message.op = op_;
  message.index = step.index;
  message.signature = program_->signature;
  message.bytes = step.count * wire_element_;
  message.moved = 0;
  message.done = false;
}

bool Progress::send(Transport& transport, const Program::Step& step) {
  Place& place = places_[static_cast<size_t>(step.place)];
  if (place.used && !place.message.done) return false;
  place.used = true;
  Message& message = place.message;
  set_up(message, step);
  message.data = address(step.source_buffer, step.source, element_);
  const DType wire = program_->collective.wire;
  if (wire != DType::kUndefined) {
    auto* values = reinterpret_cast<float*>(message.data);
    message.data =
        encoded_.data() + static_cast<size_t>(step.place) * program_->longest_send * wire_element_;
    encode(wire, message.data, values, step.count);
  }
  transport.send(message);
  return true;
}

bool Progress::receive(Transport& transport, const Program::Step& step) {
  if (!posted_) {
    Received& message = received_;
    message.owner = this;
    message.step = &step;
    set_up(message, step);
    message.data = address(step.target_buffer, step.target, element_);
    message.unit = wire_element_;
    message.take = nullptr;
    if (step.action == Program::Action::kReceiveReduce) {
      message.take = take_reduced;
    } else if (program_->collective.wire != DType::kUndefined &&
               step.target_buffer == Buffer::kData) {
      message.take = take_decoded;
    }
    posted_ = true;
    transport.receive(message);
  }
  if (!received_.done) return false;
  posted_ = false;
  return true;
}

void Progress::reduce(const Program::Step& step) const {
  const Collective& c = program_->collective;
  std::byte* target = address(step.target_buffer, step.target, element_);
  const std::byte* source = address(step.source_buffer, step.source, element_);
  if (c.wire != DType::kUndefined) {
    reduce_from_wire(c.wire, c.reduction, reinterpret_cast<float*>(target), source, step.count,
                     step.source_first);
  } else {
    comm::reduce(c.dtype, c.reduction, target, source, step.count, step.source_first);
  }
}

void Progress::take_reduced(Message& message, const std::byte* bytes, size_t offset, size_t count) {
  const auto& received = static_cast<const Received&>(message);
  const Collective& c = received.owner->program_->collective;
  const size_t first = offset / message.unit;
  const size_t elements = count / message.unit;
  std::byte* target = message.data + first * received.owner->element_;
  const bool source_first = received.step->source_first;
  if (c.wire != DType::kUndefined) {
    reduce_from_wire(c.wire, c.reduction, reinterpret_cast<float*>(target), bytes, elements,
                     source_first);
  } else {
    comm::reduce(c.dtype, c.reduction, target, bytes, elements, source_first);
  }
}

void Progress::take_decoded(Message& message, const std::byte* bytes, size_t offset, size_t count) {
  const auto& received = static_cast<const Received&>(message);
  auto* target = reinterpret_cast<float*>(message.data) + offset / message.unit;
  decode(received.owner->program_->collective.wire, target, bytes, count / message.unit);
}

}  // namespace headrace::comm
