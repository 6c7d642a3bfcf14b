#pragma once

#include <memory>

#include "core/device.h"

namespace headrace {

/// An in-order queue of a device. A small value; the default is the CPU, where work is done when
/// the call returns.
struct Stream {
  Device device;
  void* handle = nullptr;  // cudaStream_t
};

}  // namespace headrace
