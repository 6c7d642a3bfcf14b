#pragma once

#include <memory>

#include "core/kernel.h"

namespace headrace {

/// A kernel of a device, launched on the stream of its context with its device made current. As a
/// node it has ended when it was launched; if `notifies`, it is asynchronous and ends when the
/// stream has done it.
std::unique_ptr<Kernel> on_stream(std::unique_ptr<Kernel> kernel, bool notifies);

}  // namespace headrace
