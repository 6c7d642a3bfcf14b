#include "core/blocking_service.h"

#include "core/error.h"

namespace headrace {

BlockingService::BlockingService(int max_threads) : max_threads_(max_threads) {
  require(max_threads >= 1, ErrorCode::kInvalidArgument, "a blocking service of {} threads",
          max_threads);
}

BlockingService::~BlockingService() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  arrived_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

BlockingService& BlockingService::process() {
  static BlockingService service;
  return service;
}

void BlockingService::submit(Job* job) {
  {
    const std::lock_guard lock(mutex_);
    // First, because it may throw.
    if (waiting_ >= idle_ && static_cast<int>(threads_.size()) < max_threads_) add_thread();
    job->next = nullptr;
    (first_ == nullptr ? first_ : last_->next) = job;
    last_ = job;
    ++waiting_;
  }
  arrived_.notify_one();
}

void BlockingService::add_thread() {
  threads_.emplace_back([this] { work(); });
  ++idle_;
}

BlockingService::Waiting::Waiting(BlockingService& service) : service_(service) {
  const std::lock_guard lock(service.mutex_);
  const bool wanted = service.waiting_ > service.idle_;
  // First, because it may throw.
  if (wanted && static_cast<int>(service.threads_.size()) <= service.max_threads_) {
    service.add_thread();
  }
  ++service.max_threads_;
}

BlockingService::Waiting::~Waiting() {
  const std::lock_guard lock(service_.mutex_);
  --service_.max_threads_;
}

int BlockingService::threads() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(threads_.size());
}

void BlockingService::work() {
  std::unique_lock lock(mutex_);  // counted as idle when it was made
  for (;;) {
    arrived_.wait(lock, [this] { return first_ != nullptr || stop_; });
    --idle_;
    if (first_ == nullptr) return;
    Job* job = first_;
    first_ = job->next;
    --waiting_;
    lock.unlock();
    job->call(job);
    lock.lock();
    ++idle_;
  }
}

}  // namespace headrace
