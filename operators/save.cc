#include <set>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "core/tensor_database.h"
#include "operators/blob_file.h"

namespace headrace {
namespace {

/// Memory of an operand as the buffer of a tensor, for as long as the kernel runs.
class BorrowedBuffer : public Buffer {
 public:
  BorrowedBuffer(const void* data, size_t bytes)
      : Buffer(const_cast<void*>(data), bytes, Device{}) {}
};

Tensor borrow(const OpContext& context, int i) {
  const TensorDesc& desc = context.input_desc(i);
  return Tensor(std::make_shared<BorrowedBuffer>(context.input<void>(i), desc.bytes()), 0, desc);
}

/// The names that the inputs have in the file.
std::vector<std::string> saved_names(const Args& args) {
  std::vector<std::string> names = args.texts("blob_name_overrides");
  const std::string& prefix = args.text("strip_prefix");
  int inputs = args.def().input_size();
  if (!names.empty()) {
    require(prefix.empty(), ErrorCode::kInvalidArgument,
            "give either 'strip_prefix' or 'blob_name_overrides', not both");
    require(static_cast<int>(names.size()) == inputs, ErrorCode::kInvalidArgument,
            "'blob_name_overrides' has {} names for {} inputs", names.size(), inputs);
  } else {
    for (const std::string& name : args.def().input()) {
      names.emplace_back(without_prefix(name, prefix));
    }
  }
  std::set<std::string> seen;
  for (const std::string& name : names) {
    require(!name.empty(), ErrorCode::kInvalidArgument,
            "strip_prefix '{}' leaves nothing of a blob's name", prefix);
    require(seen.insert(name).second, ErrorCode::kInvalidArgument,
            "two inputs would be saved as '{}'", name);
  }
  return names;
}

int64_t chunk_size_of(const Args& args) {
  int64_t size = args.integer("chunk_size");
  require(size >= -1, ErrorCode::kInvalidArgument,
          "chunk_size is a number of elements, 0 for the default or -1 for no limit; found {}",
          size);
  if (size == -1) return std::numeric_limits<int64_t>::max();
  return size == 0 ? kChunkElements : size;
}

const RegisterOperator save(
    OpSchema("Save")
        .doc("Writes its inputs to a database, whole or not at all. An old minidb of that name is "
             "replaced when the new one is on the disk; an lmdb is not.")
        .repeated_input("X")
        .required_arg("db", ArgKind::kString, "path of the database")
        .required_arg("db_type", ArgKind::kString, "minidb or lmdb")
        .arg("absolute_path", 0, "1: the path must be absolute; 0: it may be relative")
        .arg("strip_prefix", "", "dropped from the names in the file")
        .optional_arg("blob_name_overrides", ArgKind::kStrings, "names in the file")
        .arg("chunk_size", 0, "elements per record; 0: 1000000; -1: no limit")
        .effect("file")
        .may_block()
        .on_host()
        .infer([](const InferContext& context) {
          check_database_type(context.args.text("db_type"));
          db_path(context.args, context.args.text("db"));
          saved_names(context.args);
          chunk_size_of(context.args);
          return std::vector<TensorType>{};
        })
        .no_gradient());

const RegisterCpuKernel save_cpu("Save", [](const PrepareContext& prepare) {
  return make_kernel([database = DatabaseName{prepare.args.text("db_type"),
                                              db_path(prepare.args, prepare.args.text("db"))},
                      names = saved_names(prepare.args),
                      chunk_size = chunk_size_of(prepare.args)](OpContext& context) {
    const std::unique_ptr<DatabaseWriter> writer = create_database(database);
    for (int i = 0; i < context.inputs(); ++i) {
      try {
        put_tensor(*writer, names[i], borrow(context, i), chunk_size);
      } catch (Error& error) {
        error.on_blob(names[i]);
        throw;
      }
    }
    writer->commit();
  });
});

}  // namespace
}  // namespace headrace
