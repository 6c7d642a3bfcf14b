#include <algorithm>
#include <map>

#include <fmt/ranges.h>

#include "core/error.h"
#include "core/minidb.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "core/registry.h"
#include "core/text.h"
#include "core/workspace.h"
#include "operators/blob_file.h"

namespace headrace {
namespace {

/// A tensor on its way from a file: the elements that have arrived.
struct Arriving {
  Tensor tensor;
  std::vector<TensorSegment> segments;
};

/// Everything that is wanted from one or more files, by the name it gets here.
class Loading {
 public:
  explicit Loading(const Args& args)
      : add_prefix_(args.text("add_prefix")), strip_prefix_(args.text("strip_prefix")) {}

  /// Reads the records whose name here is in `wanted` (all when empty).
  void read(const std::filesystem::path& path, const std::vector<std::string>& wanted) {
    MiniDbReader reader(path);
    while (reader.next()) {
      std::string_view key = reader.key().substr(0, reader.key().find(kChunkSeparator));
      std::string name = add_prefix_ + std::string(without_prefix(key, strip_prefix_));
      found_.push_back(name);
      if (!wanted.empty() && std::ranges::find(wanted, name) == wanted.end()) continue;
      try {
        add(name, reader.value());
      } catch (Error& error) {
        error.on_blob(name).caused_by("record '" + std::string(reader.key()) + "' of " +
                                      path.string());
        throw;
      }
    }
  }

  /// Checks that the tensors are complete. By name.
  std::map<std::string, Tensor> finish() {
    std::map<std::string, Tensor> tensors;
    for (auto& [name, arriving] : arriving_) {
      check_complete(name, arriving);
      tensors.emplace(name, std::move(arriving.tensor));
    }
    return tensors;
  }

  const std::vector<std::string>& found() const { return found_; }

 private:
  void add(const std::string& name, std::string_view record) {
    BlobProto blob;
    require(blob.ParseFromArray(record.data(), static_cast<int>(record.size())),
            ErrorCode::kCorrupt, "the record is no BlobProto");
    require(blob.type() == kTensorType && blob.has_tensor(), ErrorCode::kUnsupported,
            "the record holds a blob of type '{}'; only tensors can be loaded", blob.type());
    Arriving& arriving = arriving_[name];
    TensorDesc desc = desc_of(blob.tensor());
    if (!arriving.tensor.defined()) arriving.tensor = Tensor(desc.shape, desc.dtype);
    require(arriving.tensor.desc() == desc, ErrorCode::kCorrupt,
            "a chunk is of {}, the one before of {}", desc.to_string(),
            arriving.tensor.desc().to_string());
    copy_segment(blob.tensor(), arriving.tensor);
    arriving.segments.push_back(segment_of(blob.tensor()));
  }

  static void check_complete(const std::string& name, Arriving& arriving) {
    std::ranges::sort(arriving.segments, {}, &TensorSegment::begin);
    int64_t end = 0;
    for (const TensorSegment& segment : arriving.segments) {
      require(segment.begin == end, ErrorCode::kCorrupt, "blob '{}' of {} has {} elements [{}, {})",
              name, arriving.tensor.desc().to_string(),
              segment.begin > end ? "no record for" : "two records for",
              std::min(segment.begin, end), std::max(segment.begin, end));
      end = segment.end;
    }
    require(end == arriving.tensor.numel(), ErrorCode::kCorrupt,
            "blob '{}' of {} has no record for elements [{}, {})", name,
            arriving.tensor.desc().to_string(), end, arriving.tensor.numel());
  }

  std::string add_prefix_;
  std::string strip_prefix_;
  std::map<std::string, Arriving> arriving_;
  std::vector<std::string> found_;
};

std::vector<std::filesystem::path> paths_of(const Args& args) {
  std::vector<std::string> given = args.texts("dbs");
  require(given.empty() != args.text("db").empty(), ErrorCode::kInvalidArgument,
          "give the file as 'db' or several as 'dbs'");
  if (given.empty()) given.push_back(args.text("db"));
  std::vector<std::filesystem::path> paths;
  for (const std::string& path : given) paths.push_back(db_path(args, path));
  return paths;
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
  check_db_type(args);
  paths_of(args);
  source_names(args);
  bool all = args.flag("load_all");
  require(all == (args.def().output_size() == 0), ErrorCode::kInvalidArgument,
          "Load has outputs, or load_all: 1 and none; found load_all: {} and {} outputs",
          args.integer("load_all"), args.def().output_size());
}

const RegisterOperator load(
    OpSchema("Load")
        .doc("Reads its outputs from files written by Save; with load_all everything in them, into "
             "the workspace. A blob that is missing is an error; with allow_incomplete it keeps "
             "what "
             "the workspace holds.")
        .repeated_output("Y", 0, "what the file holds under these names")
        .arg("db", "", "path of the file")
        .optional_arg("dbs", ArgKind::kStrings, "paths of several files")
        .required_arg("db_type", ArgKind::kString, "minidb")
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

const RegisterCpuKernel load_cpu("Load", [](const PrepareContext& prepare) {
  const Args& args = prepare.args;
  auto outputs = args.def().output();
  return make_kernel([args, paths = paths_of(args), sources = source_names(args),
                      outputs = std::vector<std::string>(outputs.begin(), outputs.end()),
                      all = args.flag("load_all"),
                      incomplete = args.flag("allow_incomplete")](OpContext& context) {
    Loading loading(args);
    for (const std::filesystem::path& path : paths) loading.read(path, sources);
    std::map<std::string, Tensor> tensors = loading.finish();
    if (all) {
      require(context.workspace() != nullptr, ErrorCode::kState, "load_all needs a workspace");
      for (auto& [name, tensor] : tensors) context.workspace()->feed(name, std::move(tensor));
      return;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      auto found = tensors.find(sources[i]);
      if (found == tensors.end() && !incomplete) {
        fail(ErrorCode::kNotFound, "no blob '{}' in {}{}", sources[i], paths.front().string(),
             did_you_mean(sources[i], loading.found()));
      }
      context.output_blob(static_cast<int>(i)) =
          found == tensors.end() ? kept(context, outputs[i]) : found->second;
    }
  });
});

}  // namespace
}  // namespace headrace
