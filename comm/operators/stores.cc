// Stores: what processes tell each other outside of collectives.

#include <memory>
#include <string>
#include <vector>

#include "comm/operators/collective_kernel.h"
#include "comm/operators/operands.h"
#include "comm/store/open.h"
#include "comm/store_handle.h"
#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/proto/tensor_proto.h"
#include "core/registry.h"

namespace headrace::comm {
namespace {

/// A store operator is chained with the others of its net, and may wait for other processes.
OpSchema store_operator(const char* type, const char* doc) {
  return OpSchema(type).doc(doc).effect("store").may_block().on_host().no_gradient();
}

std::shared_ptr<Store> store_of(const OpContext& context) {
  return store_in(context.input_blob(0)).store;
}

/// The key that an argument names, else the name of the operand.
std::string key_of(const Args& args, const std::string& operand) {
  return args.text("blob_name").empty() ? operand : args.text("blob_name");
}

/// The memory of an operand as a tensor's, while the kernel runs.
class Borrowed final : public headrace::Buffer {
 public:
  Borrowed(const void* data, size_t bytes)
      : headrace::Buffer(const_cast<void*>(data), bytes, Device{}) {}
};

Tensor borrow(const OpContext& context, int i) {
  const TensorDesc& desc = context.input_desc(i);
  return Tensor(std::make_shared<Borrowed>(context.input<void>(i), desc.bytes()), 0, desc);
}

/// Puts a store into a blob, seen through the prefix that the arguments give.
void put_behind_prefix(std::shared_ptr<Store> store, const std::string& prefix, Blob& blob) {
  if (!prefix.empty()) store = make_prefix_store(std::move(store), prefix);
  put_store({.store = std::move(store)}, blob);
}

const RegisterOperator create_file_schema(
    OpSchema("FileStoreHandlerCreate")
        .doc(
            "A store in the files of a folder, which all ranks see. Use a folder, or a prefix, for "
            "one job only.")
        .output("store", "a handle")
        .handle_output(0)
        .required_arg("path", ArgKind::kString, "the folder; made if it is not there")
        .arg("prefix", "", "put before all keys")
        .on_host()
        .no_gradient());
const RegisterCpuKernel create_file_cpu(
    "FileStoreHandlerCreate", [](const PrepareContext& prepare) {
      return make_kernel([path = prepare.args.text("path"),
                          prefix = prepare.args.text("prefix")](OpContext& context) {
        put_behind_prefix(open_file_store(path), prefix, context.output_blob(0));
      });
    });

const RegisterOperator create_redis_schema(
    OpSchema("RedisStoreHandlerCreate")
        .doc("A store in a Redis server.")
        .output("store", "a handle")
        .handle_output(0)
        .required_arg("host", ArgKind::kString, "name or address of the server")
        .arg("port", 6379, "its port")
        .arg("prefix", "", "put before all keys")
        .may_block()
        .on_host()
        .infer([](const InferContext& context) {
          const int64_t port = context.args.integer("port");
          require(port > 0 && port < 65536, ErrorCode::kInvalidArgument, "{} is no port", port);
          return std::vector<TensorType>(1);
        })
        .no_gradient());
const RegisterCpuKernel create_redis_cpu(
    "RedisStoreHandlerCreate", [](const PrepareContext& prepare) {
      return make_kernel([host = prepare.args.text("host"),
                          port = static_cast<int>(prepare.args.integer("port")),
                          prefix = prepare.args.text("prefix")](OpContext& context) {
        put_behind_prefix(open_redis_store(host, port), prefix, context.output_blob(0));
      });
    });

const RegisterOperator set_schema(
    store_operator("StoreSet", "Gives a key of the store the content of a blob.")
        .input("store")
        .handle_input(0)
        .input("data")
        .arg("blob_name", "", "the key; empty: the name of the blob")
        .infer([](const InferContext&) { return std::vector<TensorType>{}; }));
const RegisterCpuKernel set_cpu("StoreSet", [](const PrepareContext& prepare) {
  return make_kernel([key = key_of(prepare.args, prepare.args.def().input(1))](OpContext& context) {
    BlobProto blob;
    blob.set_name(key);
    blob.set_type("Tensor");
    assign(*blob.mutable_tensor(), borrow(context, 1));
    store_of(context)->set(key, blob.SerializeAsString());
  });
});

const RegisterOperator get_schema(
    store_operator("StoreGet", "The content of a blob that StoreSet has put into the store.")
        .input("store")
        .handle_input(0)
        .output("data", "as it was put")
        .arg("blob_name", "", "the key; empty: the name of the blob")
        .arg("timeout_ms", 30000, "how long to wait for the key")
        .differs("waits for a key that has no value yet, up to 'timeout_ms', which Caffe2 lacks")
        .infer([](const InferContext& context) {
          timeout_of(context.args);
          return std::vector<TensorType>(1);
        }));
const RegisterCpuKernel get_cpu("StoreGet", [](const PrepareContext& prepare) {
  return make_kernel([key = key_of(prepare.args, prepare.args.def().output(0)),
                      seconds = timeout_of(prepare.args)](OpContext& context) {
    BlobProto blob;
    require(blob.ParseFromString(store_of(context)->get(key, deadline_in(seconds))) &&
                blob.has_tensor(),
            ErrorCode::kCorrupt, "what the store has as '{}' is no blob of StoreSet", key);
    context.output_blob(0) = tensor_from(blob.tensor());
  });
});

const RegisterOperator add_schema(
    store_operator("StoreAdd", "Adds to a number in the store; a key without one counts as 0.")
        .input("store")
        .handle_input(0)
        .output("value", "int64 [1]: the sum")
        .required_arg("blob_name", ArgKind::kString, "the key")
        .arg("add_value", 1, "what is added")
        .infer([](const InferContext&) {
          return std::vector<TensorType>{{.dtype = DType::kInt64, .shape = Shape{1}}};
        }));
const RegisterCpuKernel add_cpu("StoreAdd", [](const PrepareContext& prepare) {
  return make_kernel([key = prepare.args.text("blob_name"),
                      amount = prepare.args.integer("add_value"),
                      wanted = prepare.wants(0)](OpContext& context) {
    const int64_t sum = store_of(context)->add(key, amount);
    if (wanted) *context.output<int64_t>(0) = sum;
  });
});

const RegisterOperator wait_schema(
    store_operator("StoreWait", "Waits until all of some keys have values.")
        .input("store")
        .handle_input(0)
        .optional_input("names", "strings: the keys")
        .optional_arg("blob_names", ArgKind::kStrings, "the keys, where there is no such input")
        .arg("timeout_ms", 30000, "how long to wait")
        .infer([](const InferContext& context) {
          timeout_of(context.args);
          require(context.inputs.size() < 2 || context.dtype(1) == DType::kString,
                  ErrorCode::kTypeMismatch, "the names are {}; expected strings",
                  context.inputs.size() < 2 ? "" : context.inputs[1].to_string());
          const bool named = !context.args.texts("blob_names").empty();
          require(named != (context.inputs.size() > 1), ErrorCode::kInvalidArgument,
                  "give the keys as 'blob_names' or as input 1: one of the two");
          return std::vector<TensorType>{};
        }));
const RegisterCpuKernel wait_cpu("StoreWait", [](const PrepareContext& prepare) {
  return make_kernel([names = prepare.args.texts("blob_names"),
                      seconds = timeout_of(prepare.args)](OpContext& context) {
    std::vector<std::string> keys = names;
    if (context.inputs() > 1) {
      const auto* first = context.input<std::string>(1);
      keys.assign(first, first + context.input_desc(1).shape.numel());
    }
    const std::shared_ptr<Store> store = store_of(context);
    const Deadline deadline = deadline_in(seconds);
    for (const std::string& key : keys) store->get(key, deadline);
  });
});

}  // namespace
}  // namespace headrace::comm
