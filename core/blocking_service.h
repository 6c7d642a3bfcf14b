#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace headrace {

/// A few threads for work that may block (files, stores, rendezvous, queues), so that no compute
/// thread ever does. Threads are made on demand, up to a limit, and sleep when idle; work beyond
/// the limit waits its turn, first come first served. Work that waits for other work of the service
/// says so (Waiting), and does not count towards the limit. Thread-safe.
class BlockingService {
 public:
  /// A piece of work, owned by the caller until call() begins; call() must not throw.
  struct Job {
    void (*call)(Job* job) = nullptr;
    Job* next = nullptr;  // used by the service
  };

  explicit BlockingService(int max_threads = kDefaultThreads);
  /// Waits for the work submitted so far.
  ~BlockingService();
  BlockingService(const BlockingService&) = delete;
  BlockingService& operator=(const BlockingService&) = delete;

  /// The service of the process.
  static BlockingService& process();

  /// Throws when a thread is needed and the system refuses one; the job is not taken then.
  void submit(Job* job);

  int threads() const;  // made so far

  /// As long as it lives, a job waits for other jobs: the limit is one thread higher, so that there
  /// are always threads for those. Throws like submit().
  class Waiting {
   public:
    explicit Waiting(BlockingService& service);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    BlockingService& service_;
  };

 private:
  static constexpr int kDefaultThreads = 16;
  void work();
  void add_thread();  // with the lock held

  int max_threads_;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  Job* first_ = nullptr;
  Job* last_ = nullptr;
  int waiting_ = 0;  // jobs in the queue
  int idle_ = 0;     // threads that are not in a job
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace headrace
