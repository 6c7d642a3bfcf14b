#pragma once

// What runs a graph: headrace, a plain loop, and oneTBB's ways to do it. All call the same node.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tbb/flow_graph.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "bench/executor_parts/dags.h"
#include "core/thread_pool.h"
#include "core/trace.h"
#include "graph/executor.h"

namespace headrace::bench {

/// One way to run a graph: everything is built, step() runs it once.
struct Contender {
  std::string name;
  int threads;
  std::function<void()> step;
};

inline Contender straight_loop(const Schedule& schedule, NodeRunner& runner) {
  return {"loop", 1, [&schedule, &runner] {
            for (const int node : schedule.order) runner.run(node, 0);
          }};
}

inline Contender ours(std::string name, const Schedule& schedule, NodeRunner& runner,
                      ThreadPool& pool, ExecutorOptions options,
                      std::shared_ptr<TraceRecorder> trace = nullptr) {
  auto executor = std::make_shared<Executor>(schedule, pool, options);
  return {std::move(name), executor->width(),
          [executor, &runner, trace] { executor->execute(runner, {.trace = trace.get()}); }};
}

inline Contender flow_graph(const Dag& dag, NodeRunner& runner, int threads) {
  using Node = tbb::flow::continue_node<tbb::flow::continue_msg>;
  struct State {
    explicit State(int threads) : arena(threads) {
      arena.execute([this] { graph = std::make_unique<tbb::flow::graph>(); });
    }
    tbb::task_arena arena;
    std::unique_ptr<tbb::flow::graph> graph;
    std::vector<std::unique_ptr<Node>> nodes;
    std::vector<Node*> roots;
  };
  auto state = std::make_shared<State>(threads);
  for (int node = 0; node < dag.nodes; ++node) {
    state->nodes.push_back(std::make_unique<Node>(
        *state->graph, [&runner, node](const tbb::flow::continue_msg&) { runner.run(node, 0); }));
  }
  std::vector<bool> has_input(static_cast<std::size_t>(dag.nodes), false);
  for (const ScheduleEdge& edge : dag.edges) {
    tbb::flow::make_edge(*state->nodes[edge.from], *state->nodes[edge.to]);
    has_input[edge.to] = true;
  }
  for (int node = 0; node < dag.nodes; ++node) {
    if (!has_input[node]) state->roots.push_back(state->nodes[node].get());
  }
  return {"tbb::flow::graph", threads, [state] {
            state->arena.execute([&] {
              for (Node* const root : state->roots) root->try_put(tbb::flow::continue_msg());
              state->graph->wait_for_all();
            });
          }};
}

/// A task per ready node, but for one of the successors, which the thread goes on with itself.
inline Contender task_group(const Dag& dag, NodeRunner& runner, int threads) {
  struct State {
    State(const Dag& dag, NodeRunner& runner, int threads)
        : runner(runner),
          arena(threads),
          successors(static_cast<std::size_t>(dag.nodes)),
          initial(static_cast<std::size_t>(dag.nodes), 0),
          unmet(static_cast<std::size_t>(dag.nodes)) {
      for (const ScheduleEdge& edge : dag.edges) {
        successors[edge.from].push_back(edge.to);
        ++initial[edge.to];
      }
      for (int node = 0; node < dag.nodes; ++node) {
        if (initial[node] == 0) roots.push_back(node);
      }
    }
    void work(int node) {
      while (node >= 0) {
        runner.run(node, 0);
        int next = -1;
        for (const int successor : successors[node]) {
          if (unmet[successor].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
          if (next >= 0) group.run([this, next] { work(next); });
          next = successor;
        }
        node = next;
      }
    }
    void step() {
      for (std::size_t i = 0; i < initial.size(); ++i) {
        unmet[i].store(initial[i], std::memory_order_relaxed);
      }
      arena.execute([this] {
        for (const int root : roots) group.run([this, root] { work(root); });
        group.wait();
      });
    }
    NodeRunner& runner;
    tbb::task_arena arena;
    tbb::task_group group;
    std::vector<std::vector<int>> successors;
    std::vector<int> initial;
    std::vector<std::atomic<int>> unmet;
    std::vector<int> roots;
  };
  auto state = std::make_shared<State>(dag, runner, threads);
  return {"tbb::task_group", threads, [state] { state->step(); }};
}

}  // namespace headrace::bench
