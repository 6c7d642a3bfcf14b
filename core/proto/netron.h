#pragma once

#include <string>
#include <vector>

#include "core/proto/net_io.h"

namespace headrace {

/// What a net is to the viewer: the graph itself, or the init net that brings its parameters.
enum class NetRole { kPredict, kInit };

/// Why the model viewer Netron (rules of its version 9) would not open a file of this net, one line
/// each; empty if it would. Such a net is valid and save() writes it: a name of 70 characters is
/// what somebody chose, and no file may silently differ from its net. Whoever makes nets can keep
/// to the rules, and whoever saves one for people to look at can pass the lines on.
std::vector<std::string> netron_problems(const NetDef& net, FileFormat format, NetRole role);

}  // namespace headrace
