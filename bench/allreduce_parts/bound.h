#pragma once

#include <cstddef>
#include <string>

namespace headrace::bench {

/// Seconds that an allreduce of `bytes` among `ranks` of this machine takes at least over this
/// transport, measured with nothing of headrace in it:
///   tcp           two processes send each other as many bytes over a bare socket, both at once and
///                 polling; all ranks together move (ranks - 1) times as much, on as many cores as
///                 there are
///   shm, inproc   2 (ranks - 1) copies of the vector by memcpy, on one core per rank at most
double bound(const std::string& transport, int ranks, size_t bytes);

}  // namespace headrace::bench
