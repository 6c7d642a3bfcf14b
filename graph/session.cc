#include "graph/session.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <thread>

#include "core/proto/net.pb.h"

namespace headrace {

struct Session::Impl {
  struct Entry {
    graph::InputTypes signature;
    graph::Worlds worlds;
    std::unique_ptr<Run> run;
  };

  Impl(NetDef net, Workspace& workspace, ThreadPool& pool, SessionOptions options)
      : options(std::move(options)),
        workspace(workspace),
        pool(pool),
        graph(graph::build_graph(
            std::move(net), {.strict = this->options.strict, .warn = this->options.compile.warn})) {
    graph::unroll(graph, this->options.compile);
    require(this->options.plans >= 1, ErrorCode::kInvalidArgument,
            "a session keeps at least one plan, found {}", this->options.plans);
    for (const auto& [name, slot] : graph.slots) {
      if (slot.first == graph::kNone) continue;
      inputs.push_back(&workspace.slot(name));
      const auto& consumers = graph.values[slot.first].consumers;
      if (std::ranges::any_of(consumers, [&](graph::OpId id) {
            const graph::Op& op = graph.ops[id];
            return op.schema->is_collective() && op.schema->is_handle_input(0) &&
                   op.inputs.front() == slot.first;
          })) {
        world_inputs.push_back(inputs.back());
      }
    }
  }

  bool matches(const Entry& entry) const {
    size_t tensors = 0;
    for (const Slot* slot : inputs) {
      if (!slot->blob.is_tensor()) continue;
      ++tensors;
      auto found = entry.signature.find(slot->name);
      if (found == entry.signature.end() || found->second != slot->blob.tensor().desc()) {
        return false;
      }
    }
    return tensors == entry.signature.size() && current_worlds() == entry.worlds;
  }

  /// The handles through which the net communicates: clones of one common world are told by what
  /// they hold, and another world may want another plan.
  graph::Worlds current_worlds() const {
    graph::Worlds worlds;
    for (const Slot* slot : world_inputs) {
      if (slot->blob.empty()) continue;  // missed when the run begins
      worlds.emplace(slot->name, slot->blob.handle<Communicator>(kCommonWorld));
    }
    return worlds;
  }

  /// The run for what the workspace holds now, moved to the front.
  Run& current() {
    auto found =
        std::ranges::find_if(entries, [this](const Entry& entry) { return matches(entry); });
    if (found != entries.end()) {
      if (found != entries.begin()) entries.splice(entries.begin(), entries, found);
      return *entries.front().run;
    }
    graph::InputTypes signature;
    for (const Slot* slot : inputs) {
      if (slot->blob.is_tensor()) signature.emplace(slot->name, slot->blob.tensor().desc());
    }
    CompileOptions compile_options = options.compile;
    compile_options.worlds = current_worlds();
    std::shared_ptr<const Plan> plan = compile(graph, signature, compile_options);
    auto run = std::make_unique<Run>(plan, workspace, pool, options.run);
    entries.push_front({std::move(signature), std::move(compile_options.worlds), std::move(run)});
    if (entries.size() > static_cast<size_t>(options.plans)) {
      // Nothing is running now; a cancel() that saw the last run may still be at it.
      while (cancelling.load() != 0) std::this_thread::yield();
      entries.pop_back();
    }
    return *entries.front().run;
  }

  SessionOptions options;
  Workspace& workspace;
  ThreadPool& pool;
  graph::Graph graph;
  std::vector<Slot*> inputs;
  std::vector<Slot*> world_inputs;  // those through which collectives communicate
  std::list<Entry> entries;         // most recently used first
  std::atomic<Run*> running{nullptr};
  std::atomic<int> cancelling{0};  // cancel() calls that may hold on to `running`
};

Session::Session(NetDef net, Workspace& workspace, ThreadPool& pool, SessionOptions options)
    : impl_(std::make_unique<Impl>(std::move(net), workspace, pool, std::move(options))) {}

Session::~Session() = default;

void Session::run(uint64_t step) {
  Run& run = impl_->current();
  struct Running {
    Running(Impl& impl, Run& run) : impl(impl) { impl.running.store(&run); }
    ~Running() { impl.running.store(nullptr); }
    Impl& impl;
  } running(*impl_, run);
  run.execute(step);
}

void Session::cancel() {
  impl_->cancelling.fetch_add(1);
  if (Run* run = impl_->running.load()) run->cancel();
  impl_->cancelling.fetch_sub(1);
}

const Plan& Session::plan() { return impl_->current().plan(); }

void run_once(NetDef net, Workspace& workspace, ThreadPool& pool, uint64_t seed) {
  SessionOptions options;
  options.compile.threads = pool.threads();
  options.compile.readable.all = true;
  options.compile.once = true;
  options.run.seed = seed;
  Session(std::move(net), workspace, pool, options).run();
}

}  // namespace headrace
