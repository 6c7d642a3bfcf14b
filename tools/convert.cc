#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/error.h"
#include "core/net_roles.h"
#include "core/proto/metanet.pb.h"
#include "core/proto/net.pb.h"
#include "core/proto/net_io.h"
#include "core/registry.h"
#include "core/safetensors.h"
#include "core/tensor_database.h"
#include "core/thread_pool.h"
#include "graph/session.h"
#include "net_builders/accumulation.h"
#include "net_builders/data_parallel.h"
#include "tools/checks.h"
#include "tools/command.h"
#include "tools/nets/given_tensors.h"
#include "tools/nets/net_file.h"

namespace headrace::tools {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, Tensor>;

struct ConvertFlags {
  std::string from;
  std::string to;
  std::string net;
  int world = 0;                  // 0: no transform
  int accumulate = 0;             // 0: no transform
  std::vector<std::string> init;  // FROM and TO, or nothing
};

enum class Kind { kMessage, kDatabase, kSafetensors };

Kind kind_of(const fs::path& path) {
  if (as_database(path)) return Kind::kDatabase;
  const std::string extension = path.extension().string();
  if (extension == ".safetensors") return Kind::kSafetensors;
  if (extension == ".pb" || extension == ".pbtxt" || extension == ".prototxt") {
    return Kind::kMessage;
  }
  fail(ErrorCode::kInvalidArgument,
       "the extension of '{}' says what a file is: .pb (binary) or .pbtxt (text) of a net, plan or "
       "model; .minidb, .lmdb or .safetensors of tensors",
       path.native());
}

/// Writes what `from` holds if it is one of these messages; the error is that of the first.
template <typename First, typename... Others>
void convert_message(const fs::path& from, const fs::path& to) {
  try {
    save(load<First>(from), to);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kCorrupt) throw;
    if constexpr (sizeof...(Others) == 0) {
      throw;
    } else {
      try {
        convert_message<Others...>(from, to);
      } catch (const Error& other) {
        if (other.code() != ErrorCode::kCorrupt) throw;
        throw error;
      }
    }
  }
}

void add_tensors(const Workspace& workspace, Tensors& tensors) {
  for (const std::string& name : workspace.names()) {
    const Blob& blob = workspace.find(name)->blob;
    if (blob.is_tensor()) tensors.insert_or_assign(name, workspace.fetch(name));
  }
}

/// What the nets make that an exported model runs first; among them are the weights it holds.
void add_tensors_of_inits(NetFile& model, Tensors& tensors) {
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  workspace.slot(kDatabaseHandle)
      .blob.set_handle(std::make_shared<DatabaseName>(*model.database), "database");
  for (NetDef& init : model.inits) {
    move_to_cpu(init);  // files have no device
    run_once(std::move(init), workspace, pool);
  }
  add_tensors(workspace, tensors);
}

Tensors tensors_of_database(const DatabaseName& database, const std::string& net) {
  TensorCollector collector;
  bool model = false;
  collector.read(*open_database(database), database.path.string(), [&](std::string_view name) {
    if (!name.starts_with("!!")) return std::string(name);
    model = true;  // the nets of an exported model, beside its weights
    return std::string();
  });
  Tensors tensors = collector.finish();
  if (!net.empty()) {
    NetFile file = read_net_file(database.path);
    add_tensors_of_inits(file, tensors);
    save_net(file.net, net);
  } else if (model) {
    spdlog::warn(
        "{} is an exported model: its weights are converted, its nets are not; --net FILE "
        "writes the net that predicts, and adds what its init nets make to the weights",
        database.path.string());
  }
  return tensors;
}

/// Runs an init net: whatever its operators are, what it makes are the tensors.
Tensors tensors_of_net(const fs::path& path) {
  NetDef net = load_net(path);
  move_to_cpu(net);
  for (const OperatorDef& op : net.op()) {
    const OpSchema* schema = find_schema(op.type());
    require(schema == nullptr || schema->effect_resource().empty(), ErrorCode::kUnsupported,
            "{} is no init net: {} acts on more than blobs", path.native(), op.type());
  }
  Workspace workspace;
  ThreadPool pool({.threads = 1});
  run_once(std::move(net), workspace, pool);
  Tensors tensors;
  add_tensors(workspace, tensors);
  return tensors;
}

Tensors read_tensors(const ConvertFlags& flags) {
  switch (kind_of(flags.from)) {
    case Kind::kDatabase:
      return tensors_of_database(*as_database(flags.from), flags.net);
    case Kind::kSafetensors: {
      TensorFile file = load_tensors(flags.from, Checksum::kIfThere);
      for (const auto& [name, text] : file.texts) {
        spdlog::warn("the text '{}' of {} is left out", name, flags.from);
      }
      return std::move(file.tensors);
    }
    case Kind::kMessage:
      break;
  }
  return tensors_of_net(flags.from);
}

void write_tensors(const Tensors& tensors, const fs::path& to) {
  switch (kind_of(to)) {
    case Kind::kDatabase: {
      const auto writer = create_database(*as_database(to));
      for (const auto& [name, tensor] : tensors) put_tensor(*writer, name, tensor);
      return writer->commit();
    }
    case Kind::kSafetensors:
      return save_tensors({.texts = {}, .tensors = tensors}, to);
    case Kind::kMessage: {
      NetDef net;
      net.set_name(to.stem().string());
      for (const auto& [name, tensor] : tensors) add_given_tensor(net, name, tensor);
      return save_net(net, to);
    }
  }
}

/// Writes the plan that takes the iterations of a training net in micro-batches, and an init net
/// that makes its accumulators; of one of several workers, if that is asked for too.
void convert_to_micro_batches(const ConvertFlags& flags) {
  const NetFile file = read_net_file(flags.from);
  require(!file.plan, ErrorCode::kInvalidArgument,
          "--accumulate makes a plan of a training net, and {} is a plan already", flags.from);
  PlanDef plan = accumulate_gradients(file.net, flags.accumulate);
  if (!flags.init.empty()) {
    NetDef init = with_accumulators(load_net(flags.init[0]), plan.network(kUpdateNet));
    if (flags.world > 0) init = data_parallel_init(init, flags.world);
    save_net(init, flags.init[1]);
  }
  save(flags.world > 0 ? data_parallel(plan, flags.world) : plan, flags.to);
}

/// Writes the data-parallel form of a training net, of its init net, or of a plan of such nets.
void convert_for_workers(const ConvertFlags& flags) {
  const NetFile file = read_net_file(flags.from);
  if (file.plan) return save(data_parallel(*file.plan, flags.world), flags.to);
  const bool init = read_roles(file.net).phase == "init";
  save_net(init ? data_parallel_init(file.net, flags.world) : data_parallel(file.net, flags.world),
           flags.to);
}

int convert(const ConvertFlags& flags) {
  const bool message = kind_of(flags.from) == Kind::kMessage;
  require(flags.net.empty() || kind_of(flags.from) == Kind::kDatabase, ErrorCode::kInvalidArgument,
          "--net takes a net out of an exported model, and {} is none", flags.from);
  require((flags.world == 0 && flags.accumulate == 0) ||
              (message && kind_of(flags.to) == Kind::kMessage),
          ErrorCode::kInvalidArgument, "{} makes a net of a net: FROM and TO are .pb or .pbtxt",
          flags.world == 0 ? "--accumulate" : "--world");
  if (flags.accumulate > 0) {
    convert_to_micro_batches(flags);
    return kOk;
  }
  if (flags.world > 0) {
    convert_for_workers(flags);
    return kOk;
  }
  if (message && kind_of(flags.to) == Kind::kMessage) {
    convert_message<NetDef, PlanDef, MetaNetDef, TensorProtos, BlobProto>(flags.from, flags.to);
    return kOk;
  }
  const Tensors tensors = read_tensors(flags);
  write_tensors(tensors, flags.to);
  spdlog::info("{} tensors written to {}", tensors.size(), flags.to);
  return kOk;
}

Action set_up(CLI::App& app) {
  auto flags = std::make_shared<ConvertFlags>();
  app.add_option("FROM", flags->from,
                 "What to convert: .pb or .pbtxt (a net, plan or model), or weights as .minidb, "
                 ".lmdb, .safetensors or an init net")
      ->required()
      ->type_name("FILE");
  app.add_option("TO", flags->to, "What to make of it; its extension says what")
      ->required()
      ->type_name("FILE");
  app.add_option("--net", flags->net,
                 "Where FROM is a model that Caffe2 exported: also write its net")
      ->type_name("FILE")
      ->default_str("");
  app.add_option("--world", flags->world,
                 "Where FROM is a training net, a plan of 'emit --accumulate' or an init net: make "
                 "that of one of so many data-parallel workers")
      ->check(whole_number(1))
      ->type_name("WORKERS")
      ->default_str("");
  auto* accumulate =
      app.add_option("--accumulate", flags->accumulate,
                     "Where FROM is a training net: make the plan that takes each iteration in so "
                     "many micro-batches, as 'emit --accumulate' does")
          ->check(whole_number(2))
          ->type_name("N")
          ->default_str("");
  app.add_option("--init", flags->init,
                 "With --accumulate: an init net, and the file for one that also makes what "
                 "gradients are added up in")
      ->expected(2)
      ->needs(accumulate)
      ->type_name("FROM TO")
      ->default_str("");
  return [flags] { return convert(*flags); };
}

const RegisterCommand kConvert("convert", "Write nets and weights in another format", set_up);

}  // namespace
}  // namespace headrace::tools
