#include "graph/storage.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "graph/buckets.h"

namespace headrace::graph {
namespace {

class StoragePlanner {
 public:
  StoragePlanner(const Graph& graph, const Interface& interface, const Reachability& order)
      : graph_(graph), interface_(interface), order_(order) {}

  StoragePlan plan(const std::vector<size_t>& scratch_bytes) {
    classify();
    find_buckets();
    for (OpId id = 0; id < static_cast<OpId>(graph_.ops.size()); ++id) share(id);
    place_buckets();
    place_blocks(scratch_bytes);
    return std::move(plan_);
  }

 private:
  /// A lifetime of an arena.
  struct Block {
    int arena;
    size_t index;
  };

  /// A gradient in a bucket, and where in the segment it is.
  struct Member {
    ValueId root;
    size_t offset;
  };

  /// All buckets of one step.
  struct Segment {
    std::vector<Member> members;
    size_t bytes = 0;
  };

  bool can_follow(const Segment& before, const Segment& segment) const {
    auto follows = [&](const Member& a, const Member& b) {
      const OpId producer = graph_.values[b.root].producer;
      return a.offset == b.offset && std::ranges::all_of(groups_[a.root], [&](int user) {
               return order_.reaches(user, producer);
             });
    };
    return before.bytes == segment.bytes &&
           std::ranges::equal(before.members, segment.members, follows);
  }

  void classify() {
    plan_.places.resize(graph_.values.size());
    std::map<std::string, int, std::less<>> input_index;
    for (size_t i = 0; i < interface_.inputs.size(); ++i) {
      input_index[interface_.inputs[i].name] = static_cast<int>(i);
    }
    std::vector<bool> output(graph_.values.size(), false);
    for (const auto& [name, value] : interface_.outputs) output[value] = true;
    for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
      const Value& value = graph_.values[id];
      Place& place = plan_.places[id];
      place.root = id;
      auto input = input_index.find(value.name);
      const bool external = value.producer == kNone && input != input_index.end() &&
                            interface_.inputs[input->second].value == id;
      const bool state = input != input_index.end() && interface_.inputs[input->second].state;
      if (external || (state && value.producer != kNone)) {
        place.storage = value.handle ? Storage::kHandle : Storage::kInput;
        place.index = input->second;
      } else if (value.producer == kNone) {
        place.storage = Storage::kNone;
      } else if (value.handle) {
        place.storage = Storage::kHandle;
      } else if (!value.type.complete() || value.type.dtype == DType::kString) {
        place.storage = Storage::kDynamic;
      } else {
        place.storage = output[id] ? Storage::kOutput : Storage::kArena;
      }
    }
    groups_.resize(graph_.values.size());
    for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
      if (plan_.places[id].storage == Storage::kArena) groups_[id] = users_of(graph_.values[id]);
    }
  }

  /// The tensors of a bucket have their places there, and so do the sums, which replace them.
  void find_buckets() {
    in_bucket_.resize(graph_.values.size());
    for (const Op& op : graph_.ops) {
      if (op.type() != kBucketType) continue;
      Segment& segment = segments_[op.step];
      const BucketLayout layout = bucket_layout(graph_, op);
      for (size_t i = 0; i < layout.offsets.size(); ++i) {
        const ValueId operand = op.inputs[i + 1];
        require(plan_.places[operand].storage == Storage::kArena, ErrorCode::kInternal,
                "'{}' cannot be in a bucket", graph_.values[operand].name);
        in_bucket_[operand] = 0;
        segment.members.push_back({operand, segment.bytes + layout.offsets[i]});
        const ValueId sum = op.outputs[i];
        if (sum == kNone) continue;
        plan_.places[sum].root = operand;
        groups_[operand].insert(groups_[operand].end(), groups_[sum].begin(), groups_[sum].end());
        groups_[sum].clear();
      }
      segment.bytes += layout.bytes;
    }
  }

  /// The buckets of the next step of an unrolled net take the place of those of the step before,
  /// where that one has always done with a gradient when the next comes to it.
  void place_buckets() {
    const Segment* before = nullptr;
    size_t begin = 0;
    for (const auto& [step, segment] : segments_) {
      if (before == nullptr || !can_follow(*before, segment)) {
        begin = plan_.bucket_bytes;
        plan_.bucket_bytes += segment.bytes;
      }
      for (const Member& member : segment.members) in_bucket_[member.root] = begin + member.offset;
      before = &segment;
    }
  }

  static std::vector<int> users_of(const Value& value) {
    std::vector<int> users = {value.producer};
    users.insert(users.end(), value.consumers.begin(), value.consumers.end());
    return users;
  }

  /// Lets the outputs of an operator take over the storage of its inputs.
  void share(OpId id) {
    const Op& op = graph_.ops[id];
    for (const OpSchema::Alias& pair : op.schema->views()) try_share(id, pair, /*view=*/true);
    for (const OpSchema::Alias& pair : op.schema->inplace_pairs()) try_share(id, pair, false);
  }

  void try_share(OpId id, const OpSchema::Alias& pair, bool view) {
    const Op& op = graph_.ops[id];
    if (pair.input >= static_cast<int>(op.inputs.size()) ||
        pair.output >= static_cast<int>(op.outputs.size())) {
      return;
    }
    const ValueId in = op.inputs[pair.input];
    const ValueId out = op.outputs[pair.output];
    if (out == kNone || plan_.places[in].storage != Storage::kArena ||
        plan_.places[out].storage != Storage::kArena || plan_.places[out].root != out ||
        in_bucket_[out]) {
      return;
    }
    const Value& from = graph_.values[in];
    const Value& to = graph_.values[out];
    if (from.device != to.device) return;
    if (from.type.dtype != to.type.dtype || from.type.shape->numel() != to.type.shape->numel() ||
        (from.layout != to.layout)) {
      return;
    }
    if (view && from.layout != Layout::kPlain) return;
    const ValueId root = plan_.places[in].root;
    // A view changes nothing, so later readers of the input may go on; an operator in place must be
    // the last user. A view's storage may be overwritten in place later by the same rule.
    if (!view) {
      if (std::ranges::count(op.inputs, in) > 1) return;
      for (int user : groups_[root]) {
        if (user != id && !order_.reaches(user, id)) return;
      }
    }
    plan_.places[out].root = root;
    std::vector<int> users = users_of(to);
    groups_[root].insert(groups_[root].end(), users.begin(), users.end());
    groups_[out].clear();
  }

  int arena_of(Device device) const {
    const auto found = std::ranges::find(plan_.arenas, device, &Arena::device);
    return static_cast<int>(found - plan_.arenas.begin());
  }

  /// Adds a block to the arena of a device. The place that it gets is known once all are in.
  Block add_block(Device device, size_t bytes, std::vector<int> users, std::string name) {
    Arena& arena = plan_.arenas[arena_of(device)];
    arena.lifetimes.push_back({bytes, std::move(users)});
    arena.names.push_back(std::move(name));
    return {arena_of(device), arena.lifetimes.size() - 1};
  }

  size_t offset_of(const Block& block) const {
    return plan_.arenas[block.arena].placement.offsets[block.index];
  }

  void place_blocks(const std::vector<size_t>& scratch_bytes) {
    for (Device device : find_devices(graph_)) plan_.arenas.push_back({.device = device});
    std::optional<Block> buckets;
    if (plan_.bucket_bytes > 0) {
      std::vector<int> everybody(graph_.ops.size());
      std::iota(everybody.begin(), everybody.end(), 0);
      buckets = add_block(Device{}, plan_.bucket_bytes, std::move(everybody), "buckets");
    }
    std::map<ValueId, Block> roots;
    for (ValueId id = 0; id < static_cast<ValueId>(graph_.values.size()); ++id) {
      if (groups_[id].empty() || in_bucket_[id]) continue;
      std::vector<int>& users = groups_[id];
      std::ranges::sort(users);
      users.erase(std::ranges::unique(users).begin(), users.end());
      const Value& value = graph_.values[id];
      size_t bytes = static_cast<size_t>(value.type.shape->numel()) * size_of(value.type.dtype);
      roots.emplace(id, add_block(value.device, bytes, users, value.name));
    }
    std::vector<Block> scratch;
    for (OpId id = 0; id < static_cast<OpId>(scratch_bytes.size()); ++id) {
      const Op& op = graph_.ops[id];
      scratch.push_back(add_block(op.device, scratch_bytes[id], {id}, op.name + " scratch"));
    }
    for (Arena& arena : plan_.arenas) {
      arena.placement = headrace::graph::place(arena.lifetimes, order_);
    }
    if (buckets) plan_.bucket_offset = offset_of(*buckets);
    for (Place& place : plan_.places) {
      if (place.storage != Storage::kArena) continue;
      if (const std::optional<size_t>& offset = in_bucket_[place.root]) {
        place.arena = buckets->arena;
        place.offset = plan_.bucket_offset + *offset;
        continue;
      }
      const Block& block = roots.at(place.root);
      place.arena = block.arena;
      place.offset = offset_of(block);
    }
    for (const Block& block : scratch) plan_.scratch.push_back({block.arena, offset_of(block)});
  }

  const Graph& graph_;
  const Interface& interface_;
  const Reachability& order_;
  StoragePlan plan_;
  std::vector<std::vector<int>> groups_;          // users of the storage that a value owns
  std::map<int, Segment> segments_;               // by step
  std::vector<std::optional<size_t>> in_bucket_;  // offset in the memory of buckets
};

}  // namespace

StoragePlan plan_storage(const Graph& graph, const Interface& interface, const Reachability& order,
                         const std::vector<size_t>& scratch_bytes) {
  return StoragePlanner(graph, interface, order).plan(scratch_bytes);
}

}  // namespace headrace::graph
