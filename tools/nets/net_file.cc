#include "tools/nets/net_file.h"

#include <algorithm>

#include "core/error.h"
#include "core/proto/metanet.pb.h"
#include "core/proto/net_io.h"
#include "core/tensor_database.h"
#include "core/text.h"

namespace headrace::tools {
namespace {

constexpr std::string_view kModelRecord = "!!META_NET_DEF";

/// The MetaNetDef of an exported model, a blob of text beside the weights.
MetaNetDef read_model(const DatabaseName& database) {
  const auto reader = open_database(database);
  while (reader->next()) {
    if (name_in_key(reader->key()) != kModelRecord) continue;
    BlobProto blob;
    require(blob.ParseFromArray(reader->value().data(), static_cast<int>(reader->value().size())) &&
                blob.has_content(),
            ErrorCode::kCorrupt, "the record '{}' of {} holds no text", reader->key(),
            database.path.string());
    return parse<MetaNetDef>(blob.content(),
                             fmt::format("'{}' of {}", kModelRecord, database.path.string()));
  }
  fail(
      ErrorCode::kCorrupt,
      "{} holds no exported model: there is no record '{}'. Tensors alone are read by the operator "
      "Load; 'headrace convert' makes an init net of them",
      database.path.string(), kModelRecord);
}

const NetDef* find_net(const MetaNetDef& model, std::string_view type) {
  for (const NetsMap& entry : model.nets()) {
    if (entry.key() == type) return &entry.value();
  }
  return nullptr;
}

NetFile exported_model(const DatabaseName& database) {
  const MetaNetDef model = read_model(database);
  const NetDef* net = find_net(model, "PREDICT_NET_TYPE");
  std::vector<std::string> found;
  for (const NetsMap& entry : model.nets()) found.push_back(entry.key());
  require(net != nullptr, ErrorCode::kCorrupt, "the model in {} has no net 'PREDICT_NET_TYPE'{}",
          database.path.string(), did_you_mean("PREDICT_NET_TYPE", found));
  NetFile file{.net = *net, .database = database};
  for (const char* type : {"GLOBAL_INIT_NET_TYPE", "PREDICT_INIT_NET_TYPE"}) {
    if (const NetDef* init = find_net(model, type)) file.inits.push_back(*init);
  }
  return file;
}

bool names_gpu(const NetDef& net) {
  if (net.device_option().device_type() != 0) return true;
  return std::ranges::any_of(net.op(), [](const OperatorDef& op) {
    return op.device_option().device_type() != 0 ||
           std::ranges::any_of(op.arg(), [](const Argument& arg) {
             return names_gpu(arg.n()) ||
                    std::ranges::any_of(arg.nets(), [](const NetDef& n) { return names_gpu(n); });
           });
  });
}

/// Whether it named another device.
bool clear_device(DeviceOption& option) {
  const bool elsewhere = option.device_type() != 0;
  option.clear_device_type();
  option.clear_device_id();
  return elsewhere;
}

}  // namespace

bool names_gpu(const NetFile& file) {
  const auto any = [](const auto& nets) {
    return std::ranges::any_of(nets, [](const NetDef& net) { return names_gpu(net); });
  };
  return names_gpu(file.net) || any(file.inits) || (file.plan && any(file.plan->network()));
}

int move_to_cpu(NetDef& net) {
  const bool all = net.has_device_option() && clear_device(*net.mutable_device_option());
  int moved = 0;
  for (OperatorDef& op : *net.mutable_op()) {
    const bool itself = op.has_device_option() && clear_device(*op.mutable_device_option());
    moved += all || itself ? 1 : 0;
    for (Argument& arg : *op.mutable_arg()) {
      if (arg.has_n()) moved += move_to_cpu(*arg.mutable_n());
      for (NetDef& nested : *arg.mutable_nets()) moved += move_to_cpu(nested);
    }
  }
  return moved;
}

int move_to_cpu(NetFile& file) {
  int moved = move_to_cpu(file.net);
  for (NetDef& init : file.inits) moved += move_to_cpu(init);
  if (file.plan) {
    for (NetDef& net : *file.plan->mutable_network()) moved += move_to_cpu(net);
  }
  return moved;
}

std::optional<DatabaseName> as_database(const std::filesystem::path& path) {
  // An LMDB is a folder, and shells complete those with a slash.
  const std::filesystem::path file = path.has_filename() ? path : path.parent_path();
  const std::string extension = file.extension().string();
  if (extension != ".minidb" && extension != ".lmdb") return std::nullopt;
  return DatabaseName{extension.substr(1), file};
}

NetFile read_net_file(const std::filesystem::path& path) {
  if (const auto database = as_database(path)) return exported_model(*database);
  try {
    return {.net = load_net(path)};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCorrupt) throw;
    NetFile file;
    try {
      file.plan = load<PlanDef>(path);
    } catch (const Error&) {
      throw error;
    }
    file.net.set_name(file.plan->name());
    return file;
  }
}

}  // namespace headrace::tools
