#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/allocator.h"
#include "core/completion.h"
#include "core/device.h"
#include "core/stream.h"

namespace headrace {

/// What headrace asks of a kind of device other than the CPU: memory, queues, and points in them.
/// One object per kind, used from any thread; nothing happens before the first call. A device that
/// is not there or refuses is an Error: kUnsupported (no such device in this build or machine),
/// kState (out of memory), kInternal (something queued earlier has failed).
///
/// allocator.h and stream.h are how the rest of headrace calls this; they say what the functions
/// do.
class DeviceBackend {
 public:
  virtual ~DeviceBackend() = default;

  /// Usable devices, numbered from 0.
  virtual int device_count() = 0;
  /// Why there are none, as the end of a sentence; empty when there are some.
  virtual std::string why_none() = 0;

  virtual std::shared_ptr<Buffer> allocate(size_t bytes, Device device) = 0;
  virtual std::shared_ptr<Buffer> allocate_pinned(size_t bytes, Device device) = 0;
  /// Copies from or to the memory of `device`; returns when the bytes have arrived.
  virtual void copy(Device device, void* target, const void* source, size_t bytes) = 0;

  virtual void* create_stream(Device device) = 0;
  virtual void destroy_stream(Stream stream) noexcept = 0;
  virtual void* create_event(Device device, EventOptions options) = 0;
  virtual void destroy_event(Event event) noexcept = 0;

  virtual void make_current(Device device) = 0;
  virtual void record(Event event, Stream stream) = 0;
  virtual void wait(Stream stream, Event event) = 0;
  virtual float elapsed_ms(Event from, Event to) = 0;
  virtual void copy_async(Stream stream, void* target, const void* source, size_t bytes) = 0;
  virtual void notify(Stream stream, Completion done) = 0;
  virtual void synchronize(Stream stream) = 0;
};

/// The backend of a kind of device other than the CPU.
DeviceBackend& device_backend(DeviceKind kind);

/// Puts another backend in the place of one and returns the one before: how tests get a device
/// without hardware. Nothing of the old one may be in use, nor may other threads be using either.
DeviceBackend& replace_device_backend(DeviceKind kind, DeviceBackend& backend);

}  // namespace headrace
