#include "data/loader.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"

namespace headrace {
namespace {

constexpr int64_t kNothing = -1;

Normalisation normalisation_of(const DataSet& data) { return {data.mean, data.deviation}; }

}  // namespace

struct Prefetcher::Impl {
  Impl(Fill fill, int ahead)
      : fill(std::move(fill)),
        ahead(ahead),
        ring(2 * static_cast<size_t>(ahead)),
        thread([this] { work(); }) {}

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
      changed.wait(lock, [this] { return stop || (made < goal && error == nullptr); });
      if (stop) return;
      busy = true;
      const int64_t number = made;
      lock.unlock();
      std::exception_ptr failed;
      try {
        fill(number, place_of(number));
      } catch (...) {
        failed = std::current_exception();
      }
      lock.lock();
      busy = false;
      if (failed == nullptr) {
        ++made;
      } else {
        error = failed;
      }
      changed.notify_all();
    }
  }

  Batch& place_of(int64_t number) { return ring[static_cast<size_t>(number) % ring.size()]; }

  Fill fill;
  const int ahead;
  std::mutex mutex;
  std::condition_variable changed;
  bool stop = false;
  bool busy = false;         // the thread is making batch `made`
  int64_t next = kNothing;   // what is taken next if one follows the other
  int64_t made = 0;          // batches before this one are there
  int64_t goal = 0;          // the thread makes those before this one
  std::exception_ptr error;  // of batch `made`
  std::vector<Batch> ring;   // as many that were taken last, and as many ahead of them
  std::thread thread;        // last, so that it starts when all else is there
};

Prefetcher::Prefetcher(Fill fill, int ahead) {
  require(ahead >= 1, ErrorCode::kInvalidArgument,
          "at least one batch has to be made ahead, found {}", ahead);
  impl_ = std::make_unique<Impl>(std::move(fill), ahead);
}
Prefetcher::~Prefetcher() = default;

const Batch& Prefetcher::take(int64_t number, bool last) {
  Impl& impl = *impl_;
  std::unique_lock lock(impl.mutex);
  if (number != impl.next) {
    impl.goal = 0;
    impl.changed.wait(lock, [&] { return !impl.busy; });
    impl.error = nullptr;
    impl.made = number;
  }
  impl.next = kNothing;
  impl.goal = std::max(impl.goal, number + 1);
  impl.changed.notify_all();
  impl.changed.wait(lock, [&] { return impl.made > number || impl.error != nullptr; });
  if (impl.made <= number) std::rethrow_exception(std::exchange(impl.error, nullptr));
  impl.next = number + 1;
  impl.goal = number + 1 + (last ? 0 : impl.ahead);
  lock.unlock();
  impl.changed.notify_all();
  return impl.place_of(number);
}

TrainingBatches::TrainingBatches(const DataSet& data, const TrainingOrder& order, int ahead)
    : prefetcher_(
          [source = data.train, normalisation = normalisation_of(data), order,
           stream = SampleStream(data.train->size(), order.seed),
           draws = std::vector<SampleStream::Draw>()](int64_t number, Batch& batch) mutable {
            const int64_t first = order.cut.first(number);
            draws.resize(static_cast<size_t>(order.cut.batch));
            for (int i = 0; i < order.cut.batch; ++i) draws[i] = stream.at(first + i);
            read_batch(*source, draws, normalisation, &order.augmentation, order.seed, batch);
          },
          ahead) {}

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
