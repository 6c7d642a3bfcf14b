#include <algorithm>
#include <functional>
#include <map>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/tensor_database.h"
#include "core/text.h"
#include "core/workspace.h"
#include "operators/blob_file.h"

namespace headrace {
namespace {

/// The databases that the arguments name; none where the input is one.
std::vector<DatabaseName> databases_of(const Args& args) {
  std::vector<std::string> given = args.texts("dbs");
  if (args.def().input_size() > 0) {
    require(given.empty() && args.text("db").empty(), ErrorCode::kInvalidArgument,
            "give the database as input or as argument, not both");
    return {};
  }
  require(given.empty() != args.text("db").empty(), ErrorCode::kInvalidArgument,
          "give the database as input, as 'db' or several as 'dbs'");
  check_database_type(args.text("db_type"));
  if (given.empty()) given.push_back(args.text("db"));
  std::vector<DatabaseName> names;
  for (const std::string& path : given)
    names.push_back({args.text("db_type"), db_path(args, path)});
  return names;
}

/// What each output is called once prefixes are dealt with: its own name unless
/// source_blob_names says otherwise.
std::vector<std::string> source_names(const Args& args) {
  std::vector<std::string> names = args.texts("source_blob_names");
  auto outputs = args.def().output();
  require(names.empty() || static_cast<int>(names.size()) == outputs.size(),
          ErrorCode::kInvalidArgument, "'source_blob_names' has {} names for {} outputs",
          names.size(), outputs.size());
  if (names.empty()) names.assign(outputs.begin(), outputs.end());
  return names;
}

void check_load(const Args& args) {
  databases_of(args);
  source_names(args);
  bool all = args.flag("load_all");
  require(all == (args.def().output_size() == 0), ErrorCode::kInvalidArgument,
          "Load has outputs, or load_all: 1 and none; found load_all: {} and {} outputs",
          args.integer("load_all"), args.def().output_size());
}

const RegisterOperator load(
    OpSchema("Load")
        .doc("Reads its outputs from databases written by Save; with load_all everything in them, "
             "into the workspace. A blob that is missing is an error; with allow_incomplete it "
             "keeps what the workspace holds.")
        .optional_input("reader", "a database, from CreateDB; instead of the arguments")
        .handle_input(0)
        .repeated_output("Y", 0, "what the file holds under these names")
        .arg("db", "", "path of the database")
        .optional_arg("dbs", ArgKind::kStrings, "paths of several databases")
        .arg("db_type", "", "minidb or lmdb")
        .arg("absolute_path", 0, "1: paths must be absolute; 0: they may be relative")
        .arg("add_prefix", "", "put before the names in the file")
        .arg("strip_prefix", "", "dropped from the names in the file, before add_prefix")
        .optional_arg("source_blob_names", ArgKind::kStrings,
                      "names of the outputs in the file, prefixes included")
        .arg("load_all", 0, "1: everything, into the workspace")
        .arg("allow_incomplete", 0, "1: blobs may be missing in the file")
        .ignored_args({"keep_device"})
        .effect("file")
        .may_block()
        .on_host()
        .infer([](const InferContext& context) {
          check_load(context.args);
          return std::vector<TensorType>(context.outputs);
        })
        .no_gradient());

/// What an output gets that the file does not hold.
Tensor kept(const OpContext& context, const std::string& output) {
  const Workspace* workspace = context.workspace();
  const Slot* slot = workspace == nullptr ? nullptr : workspace->find(output);
  require(slot != nullptr && slot->blob.is_tensor(), ErrorCode::kNotFound,
          "blob '{}' is neither in the file nor in the workspace", output);
  return slot->blob.tensor();
}

/// What is called `name` here, of everything that a file holds.
class Renaming {
 public:
  Renaming(const Args& args, std::vector<std::string> wanted)
      : add_prefix_(args.text("add_prefix")),
        strip_prefix_(args.text("strip_prefix")),
        wanted_(std::move(wanted)) {}

  /// Empty where it is not wanted; with nothing named, everything is.
  std::string operator()(std::string_view key) {
    std::string name = add_prefix_ + std::string(without_prefix(key, strip_prefix_));
    found_.push_back(name);
    return wanted_.empty() || std::ranges::find(wanted_, name) != wanted_.end() ? name : "";
  }
  const std::vector<std::string>& found() const { return found_; }

 private:
  std::string add_prefix_;
  std::string strip_prefix_;
  std::vector<std::string> wanted_;
  std::vector<std::string> found_;
};

const RegisterCpuKernel load_cpu("Load", [](const PrepareContext& prepare) {
  const Args& args = prepare.args;
  auto outputs = args.def().output();
  return make_kernel([args, databases = databases_of(args), sources = source_names(args),
                      outputs = std::vector<std::string>(outputs.begin(), outputs.end()),
                      all = args.flag("load_all"),
                      incomplete = args.flag("allow_incomplete")](OpContext& context) {
    std::vector<DatabaseName> names = databases;
    if (context.inputs() > 0) {
      names.push_back(*context.input_blob(0).handle<DatabaseName>("database"));
    }
    Renaming renaming(args, sources);
    TensorCollector collector;
    for (const DatabaseName& name : names) {
      collector.read(*open_database(name), name.path.string(), std::ref(renaming));
    }
    std::map<std::string, Tensor> tensors = collector.finish();
    if (all) {
      require(context.workspace() != nullptr, ErrorCode::kState, "load_all needs a workspace");
      for (auto& [name, tensor] : tensors) context.workspace()->feed(name, std::move(tensor));
      return;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      auto found = tensors.find(sources[i]);
      if (found == tensors.end() && !incomplete) {
        fail(ErrorCode::kNotFound, "no blob '{}' in {}{}", sources[i], names.front().path.string(),
             did_you_mean(sources[i], renaming.found()));
      }
      context.output_blob(static_cast<int>(i)) =
          found == tensors.end() ? kept(context, outputs[i]) : found->second;
    }
  });
});

const RegisterOperator create_db(OpSchema("CreateDB")
                                     .doc("Makes a handle of a database, for Load.")
                                     .output("reader", "a handle")
                                     .handle_output(0)
                                     .on_host()
                                     .required_arg("db", ArgKind::kString, "path of the database")
                                     .required_arg("db_type", ArgKind::kString, "minidb or lmdb")
                                     .arg("absolute_path", 0,
                                          "1: the path must be absolute; 0: it may be relative")
                                     .infer([](const InferContext& context) {
                                       check_database_type(context.args.text("db_type"));
                                       db_path(context.args, context.args.text("db"));
                                       return std::vector<TensorType>(1);
                                     })
                                     .no_gradient());

const RegisterCpuKernel create_db_cpu("CreateDB", [](const PrepareContext& prepare) {
  return make_kernel(
      [database = std::make_shared<DatabaseName>(prepare.args.text("db_type"),
                                                 db_path(prepare.args, prepare.args.text("db")))](
          OpContext& context) { context.output_blob(0).set_handle(database, "database"); });
});

}  // namespace
}  // namespace headrace
