#include "core/stream.h"

#include <cstring>
#include <utility>

#include "core/device_backend.h"
#include "core/error.h"

namespace headrace {
namespace {

DeviceBackend& backend_of(Device device) { return device_backend(device.kind); }

}  // namespace

StreamOwner::StreamOwner(Device device) : stream_{.device = device} {
  if (!device.is_cpu()) stream_.handle = backend_of(device).create_stream(device);
}

StreamOwner::~StreamOwner() {
  if (stream_.handle != nullptr) backend_of(stream_.device).destroy_stream(stream_);
}

StreamOwner::StreamOwner(StreamOwner&& other) noexcept
    : stream_(std::exchange(other.stream_, {})) {}

StreamOwner& StreamOwner::operator=(StreamOwner&& other) noexcept {
  std::swap(stream_, other.stream_);
  return *this;
}

EventOwner::EventOwner(Device device, EventOptions options) : event_{.device = device} {
  if (!device.is_cpu()) event_.handle = backend_of(device).create_event(device, options);
}

EventOwner::~EventOwner() {
  if (event_.handle != nullptr) backend_of(event_.device).destroy_event(event_);
}

EventOwner::EventOwner(EventOwner&& other) noexcept : event_(std::exchange(other.event_, {})) {}

EventOwner& EventOwner::operator=(EventOwner&& other) noexcept {
  std::swap(event_, other.event_);
  return *this;
}

void record(Event event, Stream stream) {
  require(event.device == stream.device, ErrorCode::kInternal,
          "an event of {} cannot be recorded on a stream of {}", event.device.to_string(),
          stream.device.to_string());
  if (!stream.device.is_cpu()) backend_of(stream.device).record(event, stream);
}

void wait(Stream stream, Event event) {
  if (event.device.is_cpu()) return;
  require(stream.device.kind == event.device.kind, ErrorCode::kInternal,
          "work on {} cannot be queued behind an event of {}", stream.device.to_string(),
          event.device.to_string());
  backend_of(stream.device).wait(stream, event);
}

float elapsed_ms(Event from, Event to) {
  require(!from.device.is_cpu() && from.device == to.device, ErrorCode::kInternal,
          "no time is known between events of {} and {}", from.device.to_string(),
          to.device.to_string());
  return backend_of(from.device).elapsed_ms(from, to);
}

void copy_async(Stream stream, void* target, const void* source, size_t bytes) {
  if (bytes == 0) return;
  if (stream.device.is_cpu()) {
    std::memcpy(target, source, bytes);
  } else {
    backend_of(stream.device).copy_async(stream, target, source, bytes);
  }
}

void notify(Stream stream, Completion done) {
  if (stream.device.is_cpu()) {
    done();
  } else {
    backend_of(stream.device).notify(stream, done);
  }
}

void synchronize(Stream stream) {
  if (!stream.device.is_cpu()) backend_of(stream.device).synchronize(stream);
}

void make_current(Device device) {
  if (!device.is_cpu()) backend_of(device).make_current(device);
}

}  // namespace headrace
