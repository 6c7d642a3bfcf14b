#include "core/blocking_service.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace headrace {
namespace {

using testing::expect_error;

struct CountingJob : BlockingService::Job {
  std::atomic<int>* count = nullptr;
};

TEST(BlockingService, RunsEveryJobOnce) {
  std::atomic<int> count{0};
  std::vector<CountingJob> jobs(1000);
  {
    BlockingService service(3);
    for (CountingJob& job : jobs) {
      job.count = &count;
      job.call = [](BlockingService::Job* base) { ++*static_cast<CountingJob*>(base)->count; };
      service.submit(&job);
    }
    EXPECT_LE(service.threads(), 3);
  }  // waits for what was submitted
  EXPECT_EQ(count, 1000);
}

struct MeetingJob : BlockingService::Job {
  std::latch* meeting = nullptr;
};

TEST(BlockingService, JobsThatWaitForEachOtherRunSideBySide) {
  std::latch meeting(4);
  std::vector<MeetingJob> jobs(4);
  BlockingService service(4);
  for (MeetingJob& job : jobs) {
    job.meeting = &meeting;
    job.call = [](BlockingService::Job* base) {
      static_cast<MeetingJob*>(base)->meeting->arrive_and_wait();
    };
    service.submit(&job);
  }
  meeting.wait();
  EXPECT_EQ(service.threads(), 4);
}

TEST(BlockingService, ThreadsAreMadeOnDemandAndUsedAgain) {
  BlockingService service(8);
  EXPECT_EQ(service.threads(), 0);
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> count{0};
    CountingJob job;
    job.count = &count;
    job.call = [](BlockingService::Job* base) { ++*static_cast<CountingJob*>(base)->count; };
    service.submit(&job);
    while (count == 0) std::this_thread::yield();
    // The thread is idle again a moment after its job.
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LT(service.threads(), 8);
}

struct NestingJob : BlockingService::Job {
  BlockingService* service = nullptr;
  std::unique_ptr<NestingJob> inner;
  std::latch ended{1};
};

/// A job that submits another one and waits for its end, `depth` times in each other.
std::unique_ptr<NestingJob> nesting_job(BlockingService& service, int depth) {
  auto job = std::make_unique<NestingJob>();
  job->service = &service;
  if (depth > 0) job->inner = nesting_job(service, depth - 1);
  job->call = [](BlockingService::Job* base) {
    auto& self = *static_cast<NestingJob*>(base);
    if (self.inner != nullptr) {
      const BlockingService::Waiting waiting(*self.service);
      self.service->submit(self.inner.get());
      self.inner->ended.wait();
    }
    self.ended.count_down();
  };
  return job;
}

TEST(BlockingService, JobsThatWaitForJobsLeaveThreadsForThem) {
  std::vector<std::unique_ptr<NestingJob>> jobs;
  BlockingService service(2);  // its end waits for theirs
  for (int i = 0; i < 5; ++i) {
    jobs.push_back(nesting_job(service, /*depth=*/4));
    service.submit(jobs.back().get());
  }
  for (const auto& job : jobs) job->ended.wait();
}

TEST(BlockingService, NeedsAThread) {
  expect_error(ErrorCode::kInvalidArgument, [] { BlockingService(0); });
}

}  // namespace
}  // namespace headrace
