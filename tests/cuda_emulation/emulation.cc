// CUDA sources on threads of the CPU, so that kernels are tested, and under sanitizers, where there
// is no GPU. The devices are FakeDevices, for all tests of the program that bring none of their
// own.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "core/cuda/launch.cuh"
#include "tests/support/fake_device.h"

namespace headrace::cuda {
namespace {

/// Holds threads until all have come. Sleeps where std::barrier spins: a block has more threads
/// than the machine.
class Barrier {
 public:
  explicit Barrier(unsigned count) : count_(count) {}

  void wait() {
    std::unique_lock lock(mutex_);
    const unsigned round = round_;
    if (++arrived_ == count_) {
      arrived_ = 0;
      ++round_;
      all_here_.notify_all();
    } else {
      all_here_.wait(lock, [&] { return round_ != round; });
    }
  }

 private:
  const unsigned count_;
  std::mutex mutex_;
  std::condition_variable all_here_;
  unsigned arrived_ = 0;
  unsigned round_ = 0;
};

/// A kernel that runs: block after block, and in a block thread after thread, until the first
/// thread asks to wait for the others. From there on each thread of a block is one.
class Grid {
 public:
  Grid(dim3 grid, dim3 block, const std::function<void()>& thread)
      : grid_(grid), block_(block), thread_(thread), barrier_(block.count()) {}

  void run() {
    for (current_ = 0; current_ < grid_.count(); ++current_) {
      run_thread(current_, 0);
      if (side_by_side_) {
        barrier_.wait();
        continue;
      }
      for (unsigned i = 1; i < block_.count(); ++i) run_thread(current_, i);
    }
  }

  void sync_threads() {
    if (block_.count() == 1) return;
    if (index_ == 0 && !side_by_side_) {
      side_by_side_ = true;  // before there are others to read it
      for (unsigned i = 1; i < block_.count(); ++i) {
        team_.emplace_back([this, i, first = current_] {
          for (unsigned block = first; block < grid_.count(); ++block) {
            run_thread(block, i);
            barrier_.wait();
          }
        });
      }
    }
    if (!side_by_side_) {
      std::fprintf(stderr, "__syncthreads() that not all threads of the block have reached\n");
      std::abort();
    }
    barrier_.wait();
  }

  static thread_local Grid* running;

 private:
  void run_thread(unsigned block, unsigned index) {
    running = this;
    index_ = index;
    gridDim = grid_;
    blockDim = block_;
    blockIdx = position(block, grid_);
    threadIdx = position(index, block_);
    thread_();
  }

  static dim3 position(unsigned i, dim3 in) {
    return {i % in.x, i / in.x % in.y, i / (in.x * in.y)};
  }

  static thread_local unsigned index_;

  const dim3 grid_;
  const dim3 block_;
  const std::function<void()>& thread_;
  Barrier barrier_;
  unsigned current_ = 0;
  bool side_by_side_ = false;
  std::vector<std::jthread> team_;
};

thread_local Grid* Grid::running = nullptr;
thread_local unsigned Grid::index_ = 0;

class Devices final : public ::testing::Environment {
 public:
  void SetUp() override {
    devices_ = std::make_unique<testing::FakeDevices>(2, testing::FakeDevices::Memory::kPlain);
  }
  void TearDown() override { devices_.reset(); }

 private:
  std::unique_ptr<testing::FakeDevices> devices_;
};

const auto* const devices = ::testing::AddGlobalTestEnvironment(new Devices);

}  // namespace

int grid_for(int64_t items, Device) {
  constexpr int64_t kMost = 2;
  return static_cast<int>(std::min((items + kBlock - 1) / kBlock, kMost));
}

void emulate(Stream stream, dim3 grid, dim3 block, std::function<void()> thread) {
  testing::FakeDevices::launch(stream, [=, thread = std::move(thread)] {
    static std::mutex one_kernel;
    const std::lock_guard lock(one_kernel);
    Grid(grid, block, thread).run();
  });
}

}  // namespace headrace::cuda

void __syncthreads() { headrace::cuda::Grid::running->sync_threads(); }
