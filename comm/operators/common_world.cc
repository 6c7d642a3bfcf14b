// Common worlds: the handles that collective operators communicate through.

#include <limits>

#include "comm/join.h"
#include "comm/operators/collective_kernel.h"
#include "comm/operators/operands.h"
#include "comm/store_handle.h"
#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"

namespace headrace::comm {
namespace {

const RegisterOperator create_schema(
    OpSchema("CreateCommonWorld")
        .doc("Connects the ranks of a job. All of them run it with the same name and size, each "
             "with a rank of its own; it returns when they are connected.")
        .optional_input("store", "where the ranks find each other; a world of one needs none")
        .handle_input(0)
        .output("world", "a handle")
        .handle_output(0)
        .required_arg("size", ArgKind::kInt, "ranks")
        .required_arg("rank", ArgKind::kInt, "of this process, from 0")
        .arg("timeout_ms", 30000, "a collective that takes longer has failed; so has connecting")
        .arg("transport", "auto",
             "what the ranks are connected by: tcp, shm (memory of one host), inproc (threads of "
             "one process), or auto: shm where the launcher says that all are on one host, else "
             "tcp; flags of the command line go before this, interface and timeout_ms")
        .arg("interface", "",
             "network interface, or address, at which this rank is reached; empty: "
             "HEADRACE_ADDRESS, else the one on the way to the store's host where the job has a "
             "secret, else loopback")
        .ignored_args({"sync", "mpi_rendezvous", "status_blob"})
        .differs("'status_blob' is not written: a collective that fails ends the net with an error "
                 "that names rank and cause")
        .effect("rendezvous")
        .may_block()
        .on_host()
        .infer([](const InferContext& context) {
          const int64_t size = context.args.integer("size");
          const int64_t rank = context.args.integer("rank");
          require(size >= 1 && size <= std::numeric_limits<int>::max(), ErrorCode::kInvalidArgument,
                  "a world has from 1 to {} ranks, found {}", std::numeric_limits<int>::max(),
                  size);
          require(rank >= 0 && rank < size, ErrorCode::kInvalidArgument,
                  "rank {} is not one of the {} ranks from 0", rank, size);
          require(size == 1 || !context.inputs.empty(), ErrorCode::kInvalidArgument,
                  "{} ranks need a store to find each other (input 0)", size);
          timeout_of(context.args);
          return std::vector<TensorType>(1);
        })
        .no_gradient());

class CreateCommonWorld final : public Kernel {
 public:
  explicit CreateCommonWorld(const PrepareContext& context) {
    const Args& args = context.args;
    // What the ranks call their world has to differ between worlds and agree between ranks.
    options_.name = args.def().name().empty() ? args.def().output(0) : args.def().name();
    options_.rank = static_cast<int>(args.integer("rank"));
    options_.size = static_cast<int>(args.integer("size"));
    options_.timeout = timeout_of(args);
    options_.transport = args.text("transport");
    options_.interface = args.text("interface");
  }

  void launch(OpContext& context) const override {
    JoinOptions options = options_;
    StoreHandle handle;
    if (context.inputs() > 0) handle = store_in(context.input_blob(0));
    if (handle.adjust) handle.adjust(options);
    put_world(std::make_shared<CommonWorld>(join(options, std::move(handle.store))),
              context.output_blob(0));
  }

 private:
  JoinOptions options_;
};
const RegisterCpuKernel create_cpu("CreateCommonWorld", prepare<CreateCommonWorld>);

const RegisterOperator clone_schema(
    OpSchema("CloneCommonWorld")
        .doc("The same common world under another name. Caffe2's nets have several, so that "
             "collectives can go on at once; here one world does that.")
        .input("world")
        .handle_input(0)
        .output("clone", "a handle")
        .handle_output(0)
        .ignored_args({"sync", "timeout_ms", "transport", "interface", "mpi_rendezvous",
                       "status_blob"})
        .on_host()
        .no_gradient());

const RegisterCpuKernel clone_cpu("CloneCommonWorld", [](const PrepareContext&) {
  return make_kernel([](OpContext& context) {
    put_world(world_in(context.input_blob(0)), context.output_blob(0));
  });
});

const RegisterOperator destroy_schema(
    OpSchema("DestroyCommonWorld")
        .doc("Gives the handle back. The connections are closed with the last clone.")
        .input("world")
        .handle_input(0)
        .output("world")
        .handle_output(0)
        .enforce_inplace(0, 0)
        .effect("rendezvous")
        .on_host()
        .no_gradient());

const RegisterCpuKernel destroy_cpu("DestroyCommonWorld", [](const PrepareContext&) {
  return make_kernel([](OpContext& context) {
    world_in(context.input_blob(0));  // says what it holds if it is none
    context.output_blob(0).reset();
  });
});

const RegisterOperator barrier_schema(
    collective_schema("Barrier")
        .doc("Waits until every rank is here, with all its collectives of this world before it "
             "done.")
        .effect("barrier")
        .infer([](const InferContext&) { return std::vector<TensorType>{}; }));

class Barrier final : public CollectiveKernel {
 public:
  using CollectiveKernel::CollectiveKernel;
  void start(OpContext& context, Completion done) const override {
    start_collective(context, {.kind = Kind::kBarrier, .algorithm = Algorithm::kDirect}, done);
  }
};
const RegisterCpuKernel barrier_cpu("Barrier", prepare<Barrier>);

}  // namespace
}  // namespace headrace::comm
