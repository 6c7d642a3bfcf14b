#pragma once

#include <memory>

#include "comm/store.h"
#include "comm/transport/mesh.h"
#include "comm/transport/transport.h"

namespace headrace::comm {

/// A transport over TCP: `lanes` connections to each peer, and one for Control. `options.channels`
/// is not used. Messages are written from, and read to, the place where they belong; the credit of
/// a lane is what the two socket buffers hold. Throws like connect_mesh().
std::unique_ptr<Transport> connect_tcp(MeshOptions options, int lanes, Store& store);

}  // namespace headrace::comm
