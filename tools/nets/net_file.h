#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "core/database.h"
#include "core/proto/net.pb.h"

namespace headrace::tools {

/// What a file holds that can be run.
struct NetFile {
  NetDef net;                   // of a plan: empty, with its name
  std::optional<PlanDef> plan;  // several nets with an order to run them in
  /// A model that Caffe2 exported: nets that run before, the first ones over a database of weights,
  /// which they read by the handle kDatabaseHandle.
  std::vector<NetDef> inits;
  std::optional<DatabaseName> database;
};

/// The blob by which the init net of an exported model reads the database it lies in.
inline constexpr const char* kDatabaseHandle = "!!PREDICTOR_DBREADER";

/// Whether a path is read as a database: by its extension, .minidb or .lmdb.
std::optional<DatabaseName> as_database(const std::filesystem::path& path);

/// Reads a NetDef, a PlanDef or an exported model (MetaNetDef with its weights). Throws as load()
/// and open_database() do; kCorrupt for a database that holds no model.
NetFile read_net_file(const std::filesystem::path& path);

/// Whether any operator of the nets stands on a GPU.
bool names_gpu(const NetFile& file);

/// Puts all operators on the CPU, those of nested nets too; returns how many were on a GPU.
int move_to_cpu(NetDef& net);
int move_to_cpu(NetFile& file);

}  // namespace headrace::tools
