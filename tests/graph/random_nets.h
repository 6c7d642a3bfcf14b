#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/proto/net.pb.h"
#include "graph/session.h"

namespace headrace {

using Vector = std::vector<float>;
using State = std::map<std::string, Vector>;

struct RandomNet {
  NetDef net;
  State initial;  // external inputs
};

/// A net with reused names, in-place operators, state, control inputs, asynchronous and blocking
/// operators; with `gpus`, about half of what has a CUDA kernel is on one of them.
RandomNet random_net(uint32_t seed, int gpus = 0);

/// The sequential meaning of a net: its operators one after the other over named vectors.
void interpret(const NetDef& net, State& state);

/// Runs it a few times, and expects after each what the net means.
void expect_meaning(const RandomNet& random, const SessionOptions& options, ThreadPool& pool,
                    const std::string& what);

}  // namespace headrace
