#include "graph/chrome_trace.h"

#include <algorithm>
#include <iterator>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"
#include "core/error.h"

namespace headrace {
namespace {

constexpr int kStepLane = 1000;         // after any number of compute threads
constexpr int kOverlappingLane = 2000;  // first of as many as needed

/// A JSON string. Names in nets may hold any byte; what is not UTF-8 is replaced.
std::string quote(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Operands as "data float32 2x3x4x4".
std::string describe_values(const Plan& plan, const std::vector<graph::ValueId>& ids) {
  std::string list;
  for (const graph::ValueId id : ids) {
    if (id == graph::kNone) continue;
    const auto& name = plan.graph.values[static_cast<size_t>(id)].name;
    const TensorDesc& desc = plan.descs[static_cast<size_t>(id)];
    const bool known = desc.dtype != DType::kUndefined;
    list += fmt::format("{}{}", list.empty() ? "" : ",",
                        quote(known ? name + " " + desc.to_string() : name));
  }
  return list;
}

/// What all executions of one node have in common: its name, and arguments without the last brace.
struct NodeText {
  std::string name;
  std::string args;
};

std::vector<NodeText> describe_nodes(const Plan& plan) {
  std::vector<NodeText> texts;
  for (size_t node = 0; node < plan.nodes.size(); ++node) {
    const graph::Op& op = plan.graph.ops[node];
    const PlanNode& planned = plan.nodes[node];
    texts.push_back(
        {quote(op.name.empty() ? op.type() : op.type() + " " + op.name),
         fmt::format(R"("type":{},"position":{},"width":{},"inputs":[{}],)"
                     R"("outputs":[{}],"MFLOP":{:.3f},"MB":{:.3f})",
                     quote(op.type()), op.position, planned.width, describe_values(plan, op.inputs),
                     describe_values(plan, op.outputs), planned.cost.flops / 1e6,
                     planned.cost.bytes / 1e6)});
  }
  return texts;
}

/// Slices of one lane must nest; what overlaps goes to the next one.
class OverlappingLanes {
 public:
  int lane_for(const TraceEvent& event) {
    auto free = std::ranges::find_if(ends_, [&](uint64_t end) { return end <= event.begin; });
    if (free == ends_.end()) free = ends_.insert(ends_.end(), 0);
    *free = event.end;
    return kOverlappingLane + static_cast<int>(free - ends_.begin());
  }
  int count() const { return static_cast<int>(ends_.size()); }

 private:
  std::vector<uint64_t> ends_;
};

class Writer {
 public:
  Writer(const std::filesystem::path& path, const TraceRecorder& recorder,
         std::span<const std::shared_ptr<const Plan>> plans, const ChromeTraceOptions& options)
      : file_(path),
        recorder_(recorder),
        plans_(plans),
        options_(options),
        scale_(recorder.calibrate()) {}

  ChromeTraceSummary write() {
    select_runs();
    write_header();
    name_lane(kStepLane, "steps");
    for (int worker = 0; worker < recorder_.workers(); ++worker) {
      name_lane(worker, fmt::format("compute {}", worker));
    }
    for (const TraceEvent& run : runs_) write_step(run);
    std::vector<TraceEvent> overlapping;
    for (int worker = 0; worker < recorder_.workers(); ++worker) {
      for (const TraceEvent& event : recorder_.worker(worker).events()) {
        if (event.kind == TraceKind::kCompute) {
          write_node(event, worker);
        } else {
          overlapping.push_back(event);
        }
      }
    }
    write_overlapping(overlapping);
    file_.write("\n]}\n");
    file_.commit();
    return summary_;
  }

 private:
  /// The last runs of which every event is still there.
  void select_runs() {
    runs_ = recorder_.runs();
    const size_t recorded = runs_.empty() ? 0 : static_cast<size_t>(runs_.back().node) + 1;
    require(recorded <= plans_.size(), ErrorCode::kInternal,
            "{} runs were recorded, {} plans are given for them", recorded, plans_.size());
    uint64_t complete_from = 0;
    for (int worker = 0; worker < recorder_.workers(); ++worker) {
      const TraceRing& ring = recorder_.worker(worker);
      if (ring.dropped() > 0) complete_from = std::max(complete_from, ring.events().front().begin);
    }
    std::erase_if(runs_, [&](const TraceEvent& run) { return run.begin < complete_from; });
    if (runs_.size() > options_.runs) {
      runs_.erase(runs_.begin(), runs_.end() - static_cast<std::ptrdiff_t>(options_.runs));
    }
    for (const TraceEvent& run : runs_) {
      const Plan* plan = plans_[static_cast<size_t>(run.node)].get();
      if (!texts_.contains(plan)) texts_.emplace(plan, describe_nodes(*plan));
    }
    summary_.runs = runs_.size();
    summary_.left_out = recorded - runs_.size();
  }

  void write_header() {
    // "rank" is found by a pattern that asks for a blank behind its colon.
    file_.write(fmt::format(
        "{{\"schemaVersion\": 1,\n"
        "\"distributedInfo\": {{\"backend\": \"headrace\", \"rank\": {}, \"world_size\": {}}},\n"
        "\"displayTimeUnit\": \"ms\",\n\"baseTimeNanoseconds\": {},\n\"traceEvents\": [\n",
        options_.rank, options_.world, scale_.origin_unix_ns));
    write_event(R"({{"ph":"M","name":"process_name","pid":{},"tid":0,"args":{{"name":{}}}}})",
                options_.rank, quote(options_.process));
  }

  void name_lane(int lane, const std::string& name) {
    write_event(R"({{"ph":"M","name":"thread_name","pid":{},"tid":{},"args":{{"name":{}}}}})",
                options_.rank, lane, quote(name));
    // Steps on top, then threads in their order.
    write_event(
        R"({{"ph":"M","name":"thread_sort_index","pid":{},"tid":{},"args":{{"sort_index":{}}}}})",
        options_.rank, lane, lane == kStepLane ? -1 : lane);
  }

  void write_step(const TraceEvent& run) {
    const Plan& plan = *plans_[static_cast<size_t>(run.node)];
    write_slice(run, kStepLane, "user_annotation",
                quote(fmt::format("ProfilerStep#{}", options_.first_step + run.node)),
                fmt::format(R"("net":{})", quote(plan.graph.name)));
  }

  /// The run during which something happened; null if it is not among those written.
  const TraceEvent* run_of(const TraceEvent& event) const {
    const auto after = std::ranges::upper_bound(runs_, event.begin, {}, &TraceEvent::begin);
    if (after == runs_.begin()) return nullptr;
    const TraceEvent& run = *std::prev(after);
    return event.begin <= run.end ? &run : nullptr;
  }

  void write_node(const TraceEvent& event, int lane) {
    const TraceEvent* run = run_of(event);
    if (run == nullptr) return;
    const Plan& plan = *plans_[static_cast<size_t>(run->node)];
    const NodeText& text = texts_.at(&plan)[static_cast<size_t>(event.node)];
    const double ns = static_cast<double>(event.end - event.begin) * scale_.ns_per_tick;
    const double flops = plan.nodes[static_cast<size_t>(event.node)].cost.flops;
    write_slice(event, lane, "cpu_op", text.name,
                fmt::format(R"({},"GFLOP/s":{:.2f})", text.args, ns > 0 ? flops / ns : 0));
    ++summary_.events;
  }

  void write_overlapping(std::vector<TraceEvent>& events) {
    std::ranges::sort(events, {}, &TraceEvent::begin);
    OverlappingLanes lanes;
    for (const TraceEvent& event : events) {
      if (run_of(event) != nullptr) write_node(event, lanes.lane_for(event));
    }
    for (int i = 0; i < lanes.count(); ++i) {
      name_lane(kOverlappingLane + i, fmt::format("asynchronous {}", i));
    }
  }

  void write_slice(const TraceEvent& event, int lane, const char* category, const std::string& name,
                   const std::string& args) {
    const double begin_us = scale_.since_origin_ns(event.begin) / 1000;
    const double end_us = scale_.since_origin_ns(event.end) / 1000;
    write_event(R"({{"ph":"X","cat":"{}","name":{},"pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},)"
                R"("args":{{{}}}}})",
                category, name, options_.rank, lane, begin_us, end_us - begin_us, args);
  }

  template <typename... Args>
  void write_event(fmt::format_string<Args...> format, Args&&... args) {
    file_.write((first_ ? "" : ",\n") + fmt::format(format, std::forward<Args>(args)...));
    first_ = false;
  }

  AtomicFile file_;
  const TraceRecorder& recorder_;
  std::span<const std::shared_ptr<const Plan>> plans_;
  const ChromeTraceOptions& options_;
  TraceScale scale_;
  std::vector<TraceEvent> runs_;  // those that are written, oldest first
  std::map<const Plan*, std::vector<NodeText>> texts_;
  ChromeTraceSummary summary_;
  bool first_ = true;
};

}  // namespace

ChromeTraceSummary write_chrome_trace(const std::filesystem::path& path,
                                      const TraceRecorder& recorder,
                                      std::span<const std::shared_ptr<const Plan>> plans,
                                      const ChromeTraceOptions& options) {
  return Writer(path, recorder, plans, options).write();
}

}  // namespace headrace
