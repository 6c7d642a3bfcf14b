// Gradients are summed over ranks a bucket at a time: few collectives, and long ones.
#include "graph/buckets.h"

#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <tuple>

#include <fmt/format.h>

#include "core/error.h"
#include "core/proto/net.pb.h"
#include "core/registry.h"
#include "graph/reachability.h"

namespace headrace::graph {
namespace {

/// Operators may have as many outputs as PlanNode::wanted has bits.
constexpr size_t kMostMembers = 60;

struct Member {
  OpId op = kNone;
  OpId ready = kNone;  // what makes its operand; kNone: it is there from the beginning
  size_t bytes = 0;
};

using Bucket = std::vector<Member>;

class Bucketer {
 public:
  Bucketer(Graph& graph, const Interface& interface, const Worlds& worlds,
           const BucketOptions& options)
      : graph_(graph), interface_(interface), groups_(graph, worlds), options_(options) {}

  void run() {
    std::vector<Bucket> buckets;
    for (auto& [key, members] : candidates()) {
      std::ranges::stable_sort(members, {}, &Member::ready);
      for (Bucket& bucket : cut(members)) {
        if (bucket.size() > 1) buckets.push_back(std::move(bucket));
      }
    }
    if (buckets.empty()) return;
    for (const Bucket& bucket : buckets) merge(bucket);
    apply();
    sort_operators();
  }

 private:
  /// Step of an unrolled net, group of ranks, element type.
  using Key = std::tuple<int, int, DType>;

  /// Allreduce operators of one tensor each, by what has to be the same within a bucket.
  std::map<Key, std::vector<Member>> candidates() const {
    std::map<Key, std::vector<Member>> found;
    for (OpId id = 0; id < static_cast<OpId>(graph_.ops.size()); ++id) {
      const Op& op = graph_.ops[id];
      if (op.type() != "Allreduce" || op.inputs.size() != 2 || op.outputs[0] == kNone) continue;
      const Value& value = graph_.values[op.inputs[1]];
      if (is_dynamic_collective(graph_, op) || !value.device.is_cpu()) continue;
      const auto bytes = static_cast<size_t>(value.type.shape->numel()) * size_of(value.type.dtype);
      found[{op.step, groups_.of(op), value.type.dtype}].push_back({id, value.producer, bytes});
    }
    return found;
  }

  /// In the order in which operands are ready. The first bucket is small, so that the wire gets to
  /// work early; the last one too, because nothing is left that could hide it.
  std::vector<Bucket> cut(const std::vector<Member>& members) {
    size_t tail = members.size();
    for (size_t bytes = 0; tail > 0 && bytes + members[tail - 1].bytes <= options_.last; --tail) {
      bytes += members[tail - 1].bytes;
    }
    std::vector<Bucket> buckets;
    Bucket open;
    size_t bytes = 0;
    auto close = [&] {
      if (!open.empty()) buckets.push_back(std::move(open));
      open.clear();
      bytes = 0;
    };
    for (size_t i = 0; i < members.size(); ++i) {
      const size_t limit = buckets.empty() ? options_.first : options_.bytes;
      if (i == tail || bytes >= limit || open.size() == kMostMembers ||
          depends_on(members[i], open)) {
        close();
      }
      open.push_back(members[i]);
      bytes += members[i].bytes;
    }
    close();
    return buckets;
  }

  /// Whether an operand is made from the sum of another one: they cannot go together.
  bool depends_on(const Member& member, const Bucket& bucket) {
    return std::ranges::any_of(
        bucket, [&](const Member& other) { return order().reaches(other.op, member.op); });
  }

  const Reachability& order() {
    if (!order_) {
      std::vector<std::pair<int, int>> pairs;
      for (const Edge& edge : find_edges(graph_, interface_))
        pairs.emplace_back(edge.from, edge.to);
      order_.emplace(static_cast<int>(graph_.ops.size()), pairs);
    }
    return *order_;
  }

  /// Whether an operand is made from some sum of a bucket.
  bool waits_for(const Member& member, const Bucket* bucket) {
    return member.ready != kNone && std::ranges::any_of(*bucket, [&](const Member& other) {
             return order().reaches(other.op, member.ready);
           });
  }

  bool is_kept(ValueId id) const {
    const Value& value = graph_.values[id];
    if (interface_.is_state(value.name) || value.producer == kNone) return true;
    return std::ranges::any_of(interface_.outputs,
                               [&](const auto& output) { return output.second == id; });
  }

  /// An operand can be summed where it is if nobody else has a claim on its memory, and whoever
  /// reads it has done so.
  bool can_be_summed_in_place(const Member& member) {
    const ValueId operand = graph_.ops[member.op].inputs[1];
    if (is_kept(operand)) return false;
    const std::vector<OpId>& readers = graph_.values[operand].consumers;
    return std::ranges::all_of(readers, [&](OpId reader) {
      return reader == member.op || order().reaches(reader, member.op);
    });
  }

  /// A value like another one, for the bucket alone.
  ValueId stand_in(ValueId id) {
    Value value = graph_.values[id];
    value.name += kBucketSuffix;
    value.consumers.clear();
    return graph_.add_value(std::move(value));
  }

  void merge(const Bucket& bucket) {
    const std::vector<Op>& ops = graph_.ops;
    const Op& first = ops[bucket.front().op];
    const Op& last = ops[bucket.back().op];
    Op sum;
    sum.schema = &get_schema(kBucketType);
    auto def = std::make_shared<OperatorDef>();
    def->set_name(fmt::format("{} ... {} ({})", first.name, last.name, bucket.size()));
    sum.name = def->name();
    sum.def = std::move(def);
    sum.origin = graph_.origins++;
    sum.step = first.step;
    sum.device = first.device;
    sum.inputs.push_back(first.inputs[0]);
    OpId position = 0;
    std::vector<Op> before;
    std::vector<Op> after;
    for (const Member& member : bucket) {
      const Op& op = ops[member.op];
      position = std::max(position, member.op);
      ValueId operand = op.inputs[1];
      ValueId result = op.outputs[0];
      Op* writer = member.ready == kNone ? nullptr : &graph_.ops[member.ready];
      if (!can_be_summed_in_place(member)) {
        const ValueId copy = stand_in(operand);
        before.push_back(graph_.make_op("Reorder", op.step, op.device, {operand}, {copy}));
        operand = copy;
        writer = &before.back();
      }
      // So that the next step of an unrolled net may use this memory again. Who waits for the sums
      // anyway may wait for the copy of one, which is made at once.
      if (const auto out = copied_out_.find(op.position);
          out != copied_out_.end() && waits_for(member, out->second.bucket)) {
        writer->after.push_back(out->second.copy);
      }
      if (is_kept(result)) {
        const ValueId copy = stand_in(result);
        after.push_back(graph_.make_op("Reorder", op.step, op.device, {copy}, {result}));
        result = copy;
        copied_out_[op.position] = {.bucket = &bucket, .copy = after.back().origin};
      }
      sum.inputs.push_back(operand);
      sum.outputs.push_back(result);
      sum.after.insert(sum.after.end(), op.after.begin(), op.after.end());
      merged_into_[op.origin] = sum.origin;
      merged_.push_back(member.op);
    }
    std::vector<Op>& placed = placed_[position];
    std::ranges::move(before, std::back_inserter(placed));
    placed.push_back(std::move(sum));
    std::ranges::move(after, std::back_inserter(placed));
  }

  /// Puts the buckets where the last of their members were.
  void apply() {
    for (OpId id : merged_) {
      // Control inputs between members have done what they were for.
      graph_.ops[id].schema = nullptr;
    }
    std::vector<Op> ops;
    for (OpId id = 0; id < static_cast<OpId>(graph_.ops.size()); ++id) {
      ops.push_back(std::move(graph_.ops[id]));
      if (const auto found = placed_.find(id); found != placed_.end()) {
        std::ranges::move(found->second, std::back_inserter(ops));
      }
    }
    for (Op& op : ops) {
      for (int& origin : op.after) {
        if (const auto found = merged_into_.find(origin); found != merged_into_.end()) {
          origin = found->second;
        }
      }
      std::erase(op.after, op.origin);
    }
    graph_.ops = std::move(ops);
    graph_.relink();
  }

  /// What read the first sums of a bucket stands before the bucket now, perhaps.
  void sort_operators() {
    const auto count = graph_.ops.size();
    std::vector<std::vector<OpId>> next(count);
    std::vector<int> waits(count, 0);
    for (const Edge& edge : find_edges(graph_, interface_)) {
      next[edge.from].push_back(edge.to);
      ++waits[edge.to];
    }
    std::priority_queue<OpId, std::vector<OpId>, std::greater<>> ready;
    for (OpId id = 0; id < static_cast<OpId>(count); ++id) {
      if (waits[id] == 0) ready.push(id);
    }
    std::vector<Op> sorted;
    while (!ready.empty()) {
      const OpId id = ready.top();
      ready.pop();
      sorted.push_back(std::move(graph_.ops[id]));
      for (OpId other : next[id]) {
        if (--waits[other] == 0) ready.push(other);
      }
    }
    require(sorted.size() == count, ErrorCode::kInternal,
            "buckets of net '{}' depend on each other", graph_.name);
    graph_.ops = std::move(sorted);
    graph_.relink();
  }

  Graph& graph_;
  const Interface& interface_;
  const CollectiveGroups groups_;
  const BucketOptions& options_;
  std::optional<Reachability> order_;  // of the graph as it was
  std::map<OpId, std::vector<Op>> placed_;
  std::map<int, int> merged_into_;  // origins
  struct CopiedOut {
    const Bucket* bucket;  // of the step before
    int copy;              // origin
  };
  std::map<int, CopiedOut> copied_out_;  // by position in the net
  std::vector<OpId> merged_;
};

}  // namespace

void form_buckets(Graph& graph, const Interface& interface, const Worlds& worlds,
                  const BucketOptions& options) {
  if (options.bytes > 0) Bucketer(graph, interface, worlds, options).run();
}

BucketLayout bucket_layout(const Graph& graph, const Op& op) {
  BucketLayout layout;
  for (size_t i = 1; i < op.inputs.size(); ++i) {
    const TensorType& type = graph.values[op.inputs[i]].type;
    layout.offsets.push_back(layout.bytes);
    layout.bytes += align_up(static_cast<size_t>(type.shape->numel()) * size_of(type.dtype));
  }
  return layout;
}

}  // namespace headrace::graph
