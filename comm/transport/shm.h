#pragma once

#include <memory>

#include "comm/store.h"
#include "comm/transport/mesh.h"
#include "comm/transport/transport.h"

namespace headrace::comm {

/// A transport through memory that the ranks of one host share (segment.h): a ring per lane and
/// direction. What is received is reduced straight from there. The credit of a lane is its ring:
/// Ring::kSlots messages, or as many chunks of longer ones. Long messages that are in regions
/// (regions.h) are read from the sender's memory; a rank that may not do that hears so by
/// `options.warn` and gets them through the ring.
///
/// Beside it each two ranks have a connection (mesh.h, of which `options.channels` is not used):
/// they know each other by the job's secret, and a peer's death is noticed by its end.
///
/// Throws like connect_mesh(), and kUnsupported unless all ranks are on one host.
std::unique_ptr<Transport> connect_shm(MeshOptions options, int lanes, Store& store);

}  // namespace headrace::comm
