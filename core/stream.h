#pragma once

#include <cstddef>

#include "core/completion.h"
#include "core/device.h"

namespace headrace {

/// An in-order queue of a device. A small value, which does not own the queue; the default is the
/// CPU, where work is done when the call returns.
struct Stream {
  Device device;
  void* handle = nullptr;  // the backend's

  bool operator==(const Stream&) const = default;
};

/// A point in the work of a stream. A small value, which does not own it; on the CPU every point
/// has been passed.
struct Event {
  Device device;
  void* handle = nullptr;  // the backend's

  bool operator==(const Event&) const = default;
};

/// Creates a stream and destroys it, once what was queued has ended. Move-only.
class StreamOwner {
 public:
  /// Throws kUnsupported when there is no such device.
  explicit StreamOwner(Device device);
  ~StreamOwner();
  StreamOwner(StreamOwner&& other) noexcept;
  StreamOwner& operator=(StreamOwner&& other) noexcept;

  Stream get() const { return stream_; }

 private:
  Stream stream_;
};

struct EventOptions {
  bool timed = false;  // for elapsed_ms()
};

/// Creates an event and destroys it. Move-only.
class EventOwner {
 public:
  explicit EventOwner(Device device, EventOptions options = {});
  ~EventOwner();
  EventOwner(EventOwner&& other) noexcept;
  EventOwner& operator=(EventOwner&& other) noexcept;

  Event get() const { return event_; }

 private:
  Event event_;
};

/// The event becomes what has been queued on the stream so far. Both are of one device.
void record(Event event, Stream stream);
/// What is queued from now on begins after the event. Streams of devices only: whoever waits on the
/// CPU asks for notify() or synchronize().
void wait(Stream stream, Event event);
/// Milliseconds between two timed events, both recorded and passed.
float elapsed_ms(Event from, Event to);

/// Queues a copy; addresses tell from where to where. Host memory that takes part has to be pinned
/// (allocate_pinned): with other memory the call may wait for all that was queued before. On the
/// CPU's stream it copies host memory at once.
void copy_async(Stream stream, void* target, const void* source, size_t bytes);

/// Calls `done` once, on some thread, when everything queued so far has ended, with the error if
/// the device has failed. The stream does not wait for the call. On the CPU it is called at once.
void notify(Stream stream, Completion done);

/// Waits for everything queued so far; throws the error if the device has failed.
void synchronize(Stream stream);

/// Makes the device the one that kernels of this thread are launched on.
void make_current(Device device);

}  // namespace headrace
