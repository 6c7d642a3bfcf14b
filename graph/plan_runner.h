#pragma once

#include <functional>
#include <memory>

#include "core/thread_pool.h"
#include "core/workspace.h"
#include "graph/session.h"

namespace headrace {

class PlanDef;

/// Runs what a PlanDef describes: nets over one workspace, in the order and as often as its
/// execution steps say. A step holds nets or further steps and repeats them `num_iter` times (1),
/// or until `should_stop_blob`, one bool, is true; that is looked at after each of them, and with
/// `only_once` there is one round at the most. `concurrent_substeps` run side by side, a thread
/// each. With `num_concurrent_instances` the substeps are there so many times: all of an instance,
/// then all of the next one, or side by side.
///
/// A step that says `create_workspace` has blobs of its own, in each instance: what is there when
/// the step begins is seen and written, what is new is gone when it begins again. Random numbers
/// differ between instances, as they do between nets.
///
/// `report_net` runs when `report_interval` seconds have passed since it last did, between two nets
/// so that it sees whole results, and once at the end of its step; so does a substep with
/// `run_every_ms`, instead of its place in the order. While substeps run side by side reports wait.
///
/// A net that stands in several steps is one Session (per workspace); steps side by side take turns
/// at it, and at blobs that one of them writes. What one net writes and another one reads stays in
/// the workspace, besides what `options` asks for.
///
/// Losses that a net names, and those of `options`, are guarded in the nets that compute them.
///
/// One thread at a time. (In the sense of Caffe2; a Plan is something else: one compiled net.)
class PlanRunner {
 public:
  /// Throws one Error (kInvalidNet) that lists what is wrong with the steps. A criteria_network,
  /// which Caffe2 does not run either, is a warning.
  /// `before_run` hears of each run of a net, on the thread that runs it. A recorder in `options`
  /// (run.trace) has one run after the other: steps side by side are kUnsupported then.
  PlanRunner(const PlanDef& plan, Workspace& workspace, ThreadPool& pool,
             const SessionOptions& options = {}, std::function<void(Session&)> before_run = {});
  ~PlanRunner();

  /// Runs all steps, in order. Throws the first Error of any net, after all others have ended.
  void run();
  /// From any thread: ends the current run() with kCancelled.
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace headrace
