#include "data/loader.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"

namespace headrace {
namespace {

constexpr int64_t kNothing = -1;

Normalisation normalisation_of(const DataSet& data) { return {data.mean, data.deviation}; }

}  // namespace

struct Prefetcher::Impl {
  explicit Impl(Fill fill) : fill(std::move(fill)), thread([this] { work(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    changed.notify_all();
    thread.join();
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return stop || busy; });
      if (stop) return;
      const int64_t number = next_number;
      lock.unlock();
      std::exception_ptr failed;
      try {
        fill(number, next);
      } catch (...) {
        failed = std::current_exception();
      }
      lock.lock();
      error = failed;
      busy = false;
      changed.notify_all();
    }
  }

  Fill fill;
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool busy = false;  // the thread is making, or is about to make, `next`
  int64_t next_number = kNothing;
  std::exception_ptr error;  // of `next`
  Batch next;                // the thread's while busy, else the taker's
  Batch taken;
  std::thread thread;  // last, so that it starts when all else is there
};

Prefetcher::Prefetcher(Fill fill) : impl_(std::make_unique<Impl>(std::move(fill))) {}
Prefetcher::~Prefetcher() = default;

const Batch& Prefetcher::take(int64_t number, bool last) {
  Impl& impl = *impl_;
  std::unique_lock lock(impl.mutex);
  impl.changed.wait(lock, [&] { return !impl.busy; });
  if (impl.next_number == number) {
    impl.next_number = kNothing;
    if (impl.error) std::rethrow_exception(impl.error);
  } else {
    impl.fill(number, impl.next);
  }
  std::swap(impl.taken, impl.next);
  impl.next_number = last ? kNothing : number + 1;
  impl.busy = !last;
  lock.unlock();
  impl.changed.notify_all();
  return impl.taken;
}

TrainingBatches::TrainingBatches(const DataSet& data, const TrainingOrder& order)
    : prefetcher_(
          [source = data.train, normalisation = normalisation_of(data), order,
           stream = SampleStream(data.train->size(), order.seed),
           draws = std::vector<SampleStream::Draw>()](int64_t number, Batch& batch) mutable {
            const int64_t first = order.cut.first(number);
            draws.resize(static_cast<size_t>(order.cut.batch));
            for (int i = 0; i < order.cut.batch; ++i) draws[i] = stream.at(first + i);
            read_batch(*source, draws, normalisation, &order.augmentation, order.seed, batch);
          }) {}

EvaluationBatches::EvaluationBatches(const std::shared_ptr<const DataSource>& source,
                                     const Normalisation& normalisation, int batch)
    : count_((source->size() + batch - 1) / batch),
      prefetcher_([source, normalisation, batch](int64_t number, Batch& result) {
        const int64_t first = number * batch;
        const int64_t end = std::min(first + batch, source->size());
        std::vector<SampleStream::Draw> draws;
        for (int64_t i = first; i < end; ++i) draws.push_back({.epoch = 0, .index = i});
        read_batch(*source, draws, normalisation, nullptr, 0, result);
      }) {}

}  // namespace headrace
