#include "comm/group.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "comm/default_choice.h"
#include "comm/diagnosis.h"
#include "comm/finished.h"
#include "comm/flight_recorder.h"
#include "comm/program_cache.h"
#include "comm/spin.h"
#include "comm/spin_budget.h"
#include "comm/ticket_queue.h"
#include "comm/under_way.h"
#include "core/error.h"

namespace headrace::comm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLongestSleep = std::chrono::milliseconds(100);
constexpr int kFewRounds = 4;  // for threads that have something else to do

Clock::duration seconds(double value) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value));
}

}  // namespace

/// Three kinds of threads meet here: those that start collectives, those that wait for one, and
/// the group's own, which waits for all where nobody else does.
///
/// `mutex_` guards what is queued, the record and the failure, for moments. The right to move
/// messages is `driving_`; it is only ever tried for, so that nobody waits for a thread that moves
/// bytes, and whoever was refused leaves a note in `again_`. At most one thread sleeps on the
/// transport, `sleeper_`; other waiting threads sleep on `turn_`, and take its place.
class Group::Impl final : public TransportListener {
 public:
  Impl(std::unique_ptr<Transport> transport, GroupOptions options)
      : options_(with_choice(std::move(options), *transport)),
        transport_(std::move(transport)),
        recorder_(transport_->rank()),
        diagnosis_(transport_->size()),
        programs_({transport_->rank(), transport_->size()}, options_.ranks_per_host,
                  options_.choose) {
    require(options_.concurrent > 0 && options_.concurrent <= transport_->lanes(),
            ErrorCode::kInvalidArgument,
            "a group that has {} collectives under way at once takes as many lanes; there are {}",
            options_.concurrent, transport_->lanes());
    require(options_.timeout > 0, ErrorCode::kInvalidArgument,
            "the timeout of a group is more than 0 seconds, not {}", options_.timeout);
    under_way_.emplace(options_.concurrent, transport_->lanes());
    crowded_ = transport_->ranks_on_host() > transport_->cores_on_host();
    spin_ = std::chrono::microseconds(options_.spin_us < 0 ? 200 : options_.spin_us);
    transport_->listen(*this);
    thread_ = std::thread([this] { serve(); });
  }

  ~Impl() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    if (busy()) {
      fail({ErrorCode::kCancelled, rank(), fmt::format("rank {} gave the group up", rank())}, true);
    }
    transport_->wake();
    idler_.notify_one();
    turn_.notify_all();
    thread_.join();
    transport_->close();
  }

  int rank() const { return transport_->rank(); }
  Transport& transport() const { return *transport_; }
  const GroupOptions& options() const { return options_; }
  bool busy() const { return unfinished_.load() > 0; }

  uint64_t reserve(uint64_t count) {
    const std::lock_guard lock(mutex_);
    return queue_.reserve(count);
  }

  Choice choice(const Collective& collective) const { return programs_.choice(collective); }

  void start(const Collective& given, Completion done) {
    validate(given, transport_->size());
    std::exception_ptr failed;
    const auto now = Clock::now();
    {
      const std::lock_guard lock(mutex_);
      TicketQueue::Entry entry{.collective = given, .done = done, .since = now};
      entry.program = programs_.get(entry.collective);
      if (failure_) {
        failed = error(fmt::format("{} (training step {}) was not started: {}",
                                   describe(entry.collective), given.step, failure_->reason));
      } else {
        const Collective collective = entry.collective;
        const uint64_t ticket = queue_.put(std::move(entry));
        recorder_.submitted(collective, ticket, now);
        ++unfinished_;
        ++queued_;
      }
    }
    if (failed) return done(failed);
    bool more = false;
    if (!drive(kFewRounds, &more, now)) {
      again_.store(true);  // another thread drives, and may have looked at the queue before
      drive(kFewRounds, &more);
    }
    if (busy()) hand_over(more);
  }

  void run(const Collective& collective) {
    Waiter waiter{.group = this, .thread = std::this_thread::get_id()};
    ++waiting_;
    try {
      start(collective, {Waiter::end, &waiter, 0});
      wait_for(waiter);
    } catch (...) {
      --waiting_;
      throw;
    }
    --waiting_;
    if (busy()) hand_over(true);
    if (waiter.error) std::rethrow_exception(waiter.error);
  }

  /// Moves messages, unless another thread does. True if anything moved.
  /// After so many rounds it stops, and says in `more` whether there is more to be moved. `now`
  /// spares looking at the clock, where the caller has just done so.
  bool drive(int rounds = std::numeric_limits<int>::max(), bool* more = nullptr,
             Clock::time_point now = {}) {
    bool moved = false;
    while (!driving_.exchange(true)) {
      if (again_.load()) again_.store(false);  // a store that others see at once is not free
      Finished finished;
      moved |= work(finished, rounds, more, now);
      now = {};
      driving_.store(false);
      finished.report();
      if (dump_.load() && dump_.exchange(false)) dump();
      if (!again_.load()) break;
    }
    return moved;
  }

  bool poll() {
    if (!busy()) return false;
    bool more = false;
    const bool moved = drive(kFewRounds, &more);
    if (more && busy()) hand_over(true);
    return moved;
  }

  void abort(const std::string& reason) {
    fail({ErrorCode::kCancelled, rank(), fmt::format("rank {} aborted: {}", rank(), reason)}, true);
  }

  void check() const {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(error(failure_->reason));
  }

  std::string flight_record() const {
    const std::lock_guard lock(mutex_);
    return recorder_.json(failure_ ? failure_->reason : "");
  }

  // What the transport reports.
  void failed(const Failure& failure) override { fail(failure, true); }
  void told(const Failure& failure) override { fail(failure, false); }

  void mismatched(const Message& expected, uint32_t op, const std::string& found) override {
    const std::string ours = describe_op(op);
    if (!diagnosis_.begin_mismatch(expected.peer, op, found, ours, rank())) return;
    transport_->ask(expected.peer, op);
  }

  std::string describe_op(uint32_t op) override {
    const std::lock_guard lock(mutex_);
    return recorder_.describe(op);
  }

  void described(int peer, uint32_t op, const std::string& description) override {
    if (auto failure = diagnosis_.answered(peer, op, description)) fail(*failure, true);
  }

 private:
  /// A thread in run().
  struct Waiter {
    Impl* group = nullptr;
    std::thread::id thread;
    std::atomic<bool> done{false};
    std::exception_ptr error;

    static void end(void* self, int, std::exception_ptr error) {
      auto& mine = *static_cast<Waiter*>(self);
      if (std::this_thread::get_id() == mine.thread) {
        mine.error = std::move(error);
        mine.done.store(true, std::memory_order_release);
        return;
      }
      // Under the lock: once it sees `done`, the waiter may be gone.
      Impl& group = *mine.group;
      const std::lock_guard lock(group.mutex_);
      mine.error = std::move(error);
      mine.done.store(true, std::memory_order_release);
      if (group.sleeper_ == &mine) {
        group.transport_->wake();
      } else {
        group.turn_.notify_all();
      }
    }
  };

  /// Starts what may be started.
  void admit(Clock::time_point given) {
    if (queued_.load() == 0) return;  // every round of whoever waits comes along here
    const std::lock_guard lock(mutex_);
    while (!failure_) {
      TicketQueue::Entry* entry = queue_.front();
      const uint64_t ticket = queue_.next();
      if (entry == nullptr || !under_way_->has_room(ticket)) return;
      const auto now = given == Clock::time_point{} ? Clock::now() : given;
      recorder_.started(ticket, entry->program->steps.size(), now);
      under_way_->begin(ticket, *entry, now + seconds(timeout_of(entry->collective)));
      queue_.pop();
      --queued_;
    }
  }

  double timeout_of(const Collective& collective) const {
    return collective.timeout > 0 ? collective.timeout : options_.timeout;
  }

  /// Runs the collectives under way until nothing moves, one ends, or for `rounds`. True if
  /// anything moved.
  bool work(Finished& finished, int rounds, bool* more, Clock::time_point now) {
    bool any = false;
    if (more != nullptr) *more = false;
    for (int round = 0; round < rounds; ++round) {
      if (failing_.load(std::memory_order_acquire)) {
        end_all(finished);
        return true;
      }
      admit(now);
      now = {};
      bool moved = under_way_->advance(*transport_, [&](const UnderWay::Slot& slot) {
        {
          const std::lock_guard lock(mutex_);
          recorder_.ended(slot.ticket, slot.progress.step(), false);
        }
        finished.add(slot.done, nullptr);
        --unfinished_;
      });
      if (!finished.empty()) {
        transport_->flush();
        if (unfinished_.load() > 0) again_.store(true);  // the next ticket may start
        return true;
      }
      moved |= transport_->poll();
      if (!moved) return any;
      any = true;
    }
    if (more != nullptr) *more = true;
    return any;
  }

  /// Ends everything with the failure.
  void end_all(Finished& finished) {
    if (!cancelled_) {
      cancelled_ = true;
      transport_->cancel();
      dump_.store(true);
    }
    const std::lock_guard lock(mutex_);
    under_way_->clear([&](const UnderWay::Slot& slot) {
      finished.add(slot.done, error(slot.failed_in() + ": " + failure_->reason));
      recorder_.ended(slot.ticket, slot.progress.step(), true);
      --unfinished_;
    });
    queue_.clear([&](TicketQueue::Entry& entry) {
      finished.add(entry.done, error(fmt::format("{} (training step {}) was not started: {}",
                                                 describe(entry.collective), entry.collective.step,
                                                 failure_->reason)));
      recorder_.ended(entry.collective.ticket, 0, true);
      --unfinished_;
      --queued_;
    });
  }

  /// Under the lock.
  std::exception_ptr error(const std::string& text) const {
    return std::make_exception_ptr(Error(failure_->code, text).on_rank(rank()));
  }

  /// The first failure ends the group, here and, if it is `ours`, everywhere.
  void fail(const Failure& failure, bool ours) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_) return;
      failure_ = failure;
      failing_.store(true, std::memory_order_release);
    }
    if (ours) transport_->tell(failure);
    again_.store(true);
    drive();
    transport_->wake();
    turn_.notify_all();
  }

  void dump() {
    if (!options_.flight_folder.empty()) recorder_.write(options_.flight_folder, flight_record());
  }

  /// What only has to be seen now and then: deadlines, and how far everything is.
  void look_after(Clock::time_point now) {
    if (auto failure = diagnosis_.expired(now)) return fail(*failure, true);
    if (driving_.exchange(true)) return;
    bool late = false;
    uint32_t op = 0;
    std::string what;
    under_way_->for_each([&](const UnderWay::Slot& slot) {
      {
        const std::lock_guard lock(mutex_);
        recorder_.waits(slot.ticket, slot.progress.step(), slot.progress.waits_for());
      }
      if (!late && now >= slot.deadline) {
        late = true;
        op = slot.op();
        what = fmt::format("{} (training step {}) did not end in {:g} s", describe(slot.collective),
                           slot.collective.step, timeout_of(slot.collective));
      }
    });
    driving_.store(false);
    if (again_.load()) drive();
    if (!late) {
      const std::lock_guard lock(mutex_);
      late = queue_.is_stuck(now, options_.timeout, what);
      op = static_cast<uint32_t>(queue_.next());
    }
    if (!late || !diagnosis_.begin_timeout(op, what, describe_op(op), rank(), now)) return;
    for (int peer = 0; peer < transport_->size(); ++peer) {
      if (peer != rank()) transport_->ask(peer, op);
    }
  }

  void wait_for(Waiter& waiter) {
    SpinBudget budget(spin_, last_was_long_.load(std::memory_order_relaxed));
    while (!waiter.done.load(std::memory_order_acquire)) {
      if (drive()) {
        budget.moved();
      } else if (budget.may_spin()) {
        relax(crowded_);
      } else {
        sleep(&waiter, [&] { return waiter.done.load(std::memory_order_acquire); });
      }
    }
    last_was_long_.store(budget.was_long(), std::memory_order_relaxed);
  }

  /// Sleeps once: on the transport, or until another thread has given that place up.
  template <typename Done>
  void sleep(const void* who, Done done) {
    std::unique_lock lock(mutex_);
    if (done()) return;
    if (sleeper_ != nullptr) {
      if (sleeper_ == this && who != this) transport_->wake();  // the group's own thread steps back
      turn_.wait(lock);
      return;
    }
    sleeper_ = who;
    lock.unlock();
    again_.store(true);
    if (!drive() && !done()) {
      const auto now = Clock::now();
      look_after(now);
      transport_->wait(std::min(now + kLongestSleep, diagnosis_.until()));
    }
    lock.lock();
    sleeper_ = nullptr;
    lock.unlock();
    turn_.notify_all();
  }

  /// The group's own thread.
  void serve() {
    while (true) {
      {
        std::unique_lock lock(mutex_);
        idle_ = true;
        idler_.wait(lock, [&] {
          return stop_ || (unfinished_.load() > 0 && waiting_.load() == 0 && sleeper_ == nullptr);
        });
        idle_ = false;
        if (stop_) return;
      }
      while (busy() && waiting_.load() == 0) {
        sleep(this, [&] { return !busy() || waiting_.load() > 0; });
      }
    }
  }

  /// This thread goes on with other things: somebody else has to wait for messages, and at once if
  /// there is `more` to be moved.
  void hand_over(bool more) {
    bool asleep = false;
    {
      const std::lock_guard lock(mutex_);
      if (sleeper_ != nullptr) {
        asleep = more;
      } else if (!idle_ || waiting_.load() > 0) {
        return;
      }
    }
    if (asleep) return transport_->wake();
    idler_.notify_one();
  }

  const GroupOptions options_;
  std::unique_ptr<Transport> transport_;
  FlightRecorder recorder_;
  Diagnosis diagnosis_;
  Clock::duration spin_{};
  bool crowded_ = false;  // more ranks on this host than cores

  mutable std::mutex mutex_;
  std::condition_variable turn_;   // to sleep on the transport
  std::condition_variable idler_;  // the group's own thread
  TicketQueue queue_;
  ProgramCache programs_;
  std::optional<Failure> failure_;
  const void* sleeper_ = nullptr;
  bool idle_ = false;
  bool stop_ = false;

  std::atomic<bool> failing_{false};
  std::atomic<int> unfinished_{0};
  std::atomic<int> queued_{0};              // of these, in queue_
  std::atomic<int> waiting_{0};             // threads in run()
  std::atomic<bool> last_was_long_{false};  // of the waits in run()

  std::atomic<bool> driving_{false};
  std::atomic<bool> again_{false};
  std::optional<UnderWay> under_way_;  // whoever drives
  bool cancelled_ = false;
  std::atomic<bool> dump_{false};

  std::thread thread_;
};

Group::Group(std::unique_ptr<Transport> transport, GroupOptions options)
    : impl_(std::make_unique<Impl>(std::move(transport), std::move(options))) {}
Group::~Group() = default;

int Group::rank() const { return impl_->rank(); }
int Group::size() const { return impl_->transport().size(); }
const Transport& Group::transport() const { return impl_->transport(); }
const GroupOptions& Group::options() const { return impl_->options(); }
uint64_t Group::reserve(uint64_t count) { return impl_->reserve(count); }
void Group::start(const Collective& collective, Completion done) { impl_->start(collective, done); }
void Group::run(const Collective& collective) { impl_->run(collective); }
void Group::barrier(const char* name) { run({.kind = Kind::kBarrier, .name = name}); }
bool Group::poll() { return impl_->poll(); }
bool Group::busy() const { return impl_->busy(); }
void Group::abort(const std::string& reason) { impl_->abort(reason); }
void Group::check() const { impl_->check(); }
Choice Group::choice(const Collective& collective) const { return impl_->choice(collective); }
void Group::add_region(void* data, size_t bytes) { impl_->transport().add_region(data, bytes); }
void Group::remove_region(void* data) { impl_->transport().remove_region(data); }
std::string Group::flight_record() const { return impl_->flight_record(); }

}  // namespace headrace::comm
