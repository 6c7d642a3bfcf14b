#include "core/trace_export.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/atomic_file.h"

namespace headrace {
namespace {

/// A JSON string. Names come from files of others: bytes that are not UTF-8 are replaced.
std::string json_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string value_of(const TraceNode::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return json_string(*text);
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return fmt::format("{}", *whole);
  const double number = std::get<double>(value);
  // JSON has no infinity and no NaN.
  return std::isfinite(number) ? fmt::format("{}", number) : fmt::format("\"{}\"", number);
}

/// An event with its times in ns since the base of the file, on a lane of the timeline.
struct Span {
  std::int64_t begin;
  std::int64_t end;
  std::int32_t node;
  int lane;
};

std::string microseconds(std::int64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

class KinetoWriter {
 public:
  KinetoWriter(const std::filesystem::path& path, const TraceRecorder& trace,
               function_ref<TraceNode(int)> describe, const TraceExportOptions& options)
      : file_(path),
        trace_(trace),
        describe_(describe),
        options_(options),
        scale_(trace.calibrate()),
        recorded_(trace.runs()) {
    // Close to the first event, so that times stay short; a round number, because it helps people.
    base_ns_ = scale_.origin_unix_ns / 1'000'000'000 * 1'000'000'000;
  }

  void write() {
    collect();
    write_head();
    write_lanes();
    for (const Span& run : runs_) {
      write_event(fmt::format("ProfilerStep#{}", run.node), "user_annotation", run, "");
    }
    for (const Span& span : spans_) write_node(span);
    write_arrows();
    // The last event has no comma after it.
    std::int64_t last = 0;
    for (const Span& span : runs_) last = std::max(last, span.end);
    for (const Span& span : spans_) last = std::max(last, span.end);
    file_.write(
        fmt::format("{{\"ph\": \"i\", \"s\": \"g\", \"name\": \"Record Window End\", "
                    "\"pid\": {}, \"tid\": 1, \"ts\": {}}}\n]}}\n",
                    pid(), microseconds(last)));
    file_.commit();
  }

 private:
  // Viewers take process and thread 0 for the idle task.
  int pid() const { return options_.rank + 1; }

  Span span_of(const TraceEvent& event, int lane) const {
    const auto ns = [this](std::uint64_t ticks) {
      return std::max<std::int64_t>(0, scale_.unix_ns(ticks) - base_ns_);
    };
    return {ns(event.begin), ns(event.end), event.node, lane};
  }

  void collect() {
    std::uint64_t from = 0;
    for (const TraceEvent& run : recorded_) {
      if (run.node < options_.first_run) {
        from = run.end;
      } else {
        runs_.push_back(span_of(run, 0));
      }
    }
    std::vector<Span> async;
    std::vector<Span> blocking;
    for (int worker = 0; worker < trace_.workers(); ++worker) {
      lanes_.push_back(fmt::format("worker {}", worker));
      for (const TraceEvent& event : trace_.worker(worker).events()) {
        if (event.begin < from) continue;
        TraceEvent moved = event;
        moved.node += first_node_of_run(event);
        auto& list = event.kind == TraceKind::kAsync      ? async
                     : event.kind == TraceKind::kBlocking ? blocking
                                                          : spans_;
        list.push_back(span_of(moved, worker));
      }
    }
    spread(std::move(async), "asynchronous");
    spread(std::move(blocking), "blocking");
  }

  /// What is added to the number of a node: runs follow each other, an event belongs to the last
  /// one that had begun.
  int first_node_of_run(const TraceEvent& event) const {
    if (options_.first_node.empty()) return 0;
    const auto after = std::ranges::upper_bound(recorded_, event.begin, {}, &TraceEvent::begin);
    return after == recorded_.begin()
               ? 0
               : options_.first_node.at(static_cast<std::size_t>((after - 1)->node));
  }

  /// Puts spans that may overlap on as few lanes as keep them apart.
  void spread(std::vector<Span> spans, std::string_view name) {
    std::ranges::sort(spans, {}, &Span::begin);
    const int first = static_cast<int>(lanes_.size());
    std::vector<std::int64_t> busy_until;
    for (Span& span : spans) {
      const auto free =
          std::ranges::find_if(busy_until, [&](std::int64_t until) { return until <= span.begin; });
      const auto lane = free - busy_until.begin();
      if (free == busy_until.end()) {
        busy_until.push_back(0);
        lanes_.push_back(fmt::format("{} {}", name, lane));
      }
      busy_until[static_cast<std::size_t>(lane)] = span.end;
      span.lane = first + static_cast<int>(lane);
      spans_.push_back(span);
    }
  }

  void write_head() {
    // Some tools look for the rank line by line, and with the blank.
    file_.write(
        fmt::format("{{\n\"schemaVersion\": 1,\n\"deviceProperties\": [],\n"
                    "\"distributedInfo\": {{\"backend\": \"headrace\", \"rank\": {}, "
                    "\"world_size\": {}}},\n\"displayTimeUnit\": \"ms\",\n"
                    "\"baseTimeNanoseconds\": {},\n\"traceName\": {},\n"
                    "\"droppedEvents\": {},\n\"traceEvents\": [\n",
                    options_.rank, options_.world_size, base_ns_,
                    json_string(file_.path().filename().string()), trace_.dropped()));
  }

  void write_lanes() {
    const auto metadata = [this](std::string_view what, int lane, std::string_view key,
                                 const std::string& value) {
      file_.write(
          fmt::format("{{\"ph\": \"M\", \"name\": \"{}\", \"pid\": {}, \"tid\": {}, "
                      "\"ts\": 0, \"args\": {{\"{}\": {}}}}},\n",
                      what, pid(), lane + 1, key, value));
    };
    metadata("process_name", 0, "name", json_string(options_.name));
    metadata("process_labels", 0, "labels", json_string(fmt::format("rank {}", options_.rank)));
    metadata("process_sort_index", 0, "sort_index", std::to_string(options_.rank));
    for (int lane = 0; lane < static_cast<int>(lanes_.size()); ++lane) {
      metadata("thread_name", lane, "name", json_string(lanes_[static_cast<std::size_t>(lane)]));
      metadata("thread_sort_index", lane, "sort_index", std::to_string(lane));
    }
  }

  void write_event(const std::string& name, std::string_view category, const Span& span,
                   const std::string& args) {
    file_.write(
        fmt::format("{{\"ph\": \"X\", \"cat\": {}, \"name\": {}, \"pid\": {}, "
                    "\"tid\": {}, \"ts\": {}, \"dur\": {}{}}},\n",
                    json_string(std::string(category)), json_string(name), pid(), span.lane + 1,
                    microseconds(span.begin), microseconds(span.end - span.begin), args));
  }

  void write_node(const Span& span) {
    auto known = nodes_.find(span.node);
    if (known == nodes_.end()) {
      TraceNode node = describe_(span.node);
      std::string args = fmt::format(", \"args\": {{\"node\": {}", span.node);
      for (const auto& [key, value] : node.args) {
        args += fmt::format(", {}: {}", json_string(key), value_of(value));
      }
      args += '}';
      known = nodes_.emplace(span.node, std::pair(std::move(node), std::move(args))).first;
    }
    const auto& [node, args] = known->second;
    write_event(node.name, node.category, span, args);
  }

  void write_arrows() {
    if (options_.arrows.empty()) return;
    int id = 0;
    for (const Span& run : runs_) {
      std::map<int, const Span*> ran;
      for (const Span& span : spans_) {
        if (span.begin >= run.begin && span.end <= run.end) ran[span.node] = &span;
      }
      for (const auto& [from, to] : options_.arrows) {
        const auto source = ran.find(from);
        const auto target = ran.find(to);
        if (source == ran.end() || target == ran.end()) continue;
        if (source->second->lane == target->second->lane) continue;
        ++id;
        // Each end must lie inside its slice.
        write_arrow_end("s", id, *source->second,
                        std::max(source->second->begin, source->second->end - 1), "");
        write_arrow_end("f", id, *target->second, target->second->begin, ", \"bp\": \"e\"");
      }
    }
  }

  void write_arrow_end(std::string_view phase, int id, const Span& span, std::int64_t at,
                       std::string_view more) {
    file_.write(
        fmt::format("{{\"ph\": \"{}\", \"id\": {}, \"cat\": \"data\", \"name\": \"data\", "
                    "\"pid\": {}, \"tid\": {}, \"ts\": {}{}}},\n",
                    phase, id, pid(), span.lane + 1, microseconds(at), more));
  }

  AtomicFile file_;
  const TraceRecorder& trace_;
  const function_ref<TraceNode(int)> describe_;
  const TraceExportOptions& options_;
  const TraceScale scale_;
  const std::vector<TraceEvent> recorded_;  // all runs
  std::int64_t base_ns_ = 0;
  std::vector<std::string> lanes_;
  std::vector<Span> runs_;
  std::vector<Span> spans_;
  std::map<int, std::pair<TraceNode, std::string>> nodes_;
};

}  // namespace

void write_kineto_trace(const std::filesystem::path& path, const TraceRecorder& trace,
                        function_ref<TraceNode(int node)> describe,
                        const TraceExportOptions& options) {
  KinetoWriter(path, trace, describe, options).write();
}

}  // namespace headrace
