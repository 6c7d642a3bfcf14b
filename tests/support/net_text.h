#pragma once

#include <string>
#include <vector>

#include "core/proto/net.pb.h"

namespace headrace {

/// "Type in... -> out..." for each operator from position `first` on.
inline std::vector<std::string> operators_of(const NetDef& net, int first = 0) {
  std::vector<std::string> lines;
  for (int i = first; i < net.op_size(); ++i) {
    std::string line = net.op(i).type();
    for (const std::string& name : net.op(i).input()) line += " " + name;
    line += " ->";
    for (const std::string& name : net.op(i).output()) line += " " + name;
    lines.push_back(line);
  }
  return lines;
}

}  // namespace headrace
