#include "ngdsp/base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace ngdsp {
namespace {

TEST(WorkerPool, EveryIndexOnceWhateverTheWorkers) {
  for (const int workers : {1, 2, 3, 8}) {
    WorkerPool pool(workers);
    ASSERT_EQ(pool.workers(), static_cast<std::size_t>(workers));
    for (const std::size_t count : {0U, 1U, 2U, 7U, 1000U}) {
      std::vector<int> calls(count);
      pool.run(count, [&](std::size_t i, std::size_t worker) {
        ++calls[i];
        EXPECT_LT(worker, pool.workers());
      });
      EXPECT_EQ(calls, std::vector<int>(count, 1)) << workers;
    }
  }
}

// What a worker keeps is its own: sums without a lock.
TEST(WorkerPool, NoTwoCallsHaveOneWorkerAtATime) {
  WorkerPool pool(4);
  std::vector<std::size_t> sums(pool.workers());
  for (int round = 0; round < 200; ++round)
    pool.run(50, [&](std::size_t i, std::size_t worker) { sums[worker] += i; });
  std::size_t sum = 0;
  for (const std::size_t s : sums) sum += s;
  EXPECT_EQ(sum, 200U * 49 * 50 / 2);
}

// Each of two waits for the other to have begun.
TEST(WorkerPool, WorkersRunAtOnce) {
  WorkerPool pool(2);
  std::atomic<int> begun{0};
  pool.run(2, [&](std::size_t, std::size_t) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  });
  EXPECT_EQ(begun, 2);
}

TEST(WorkerPool, ExceptionsTravelAndThePoolLivesOn) {
  for (const int workers : {1, 3}) {
    WorkerPool pool(workers);
    EXPECT_THROW(pool.run(100,
                          [](std::size_t i, std::size_t) {
                            if (i >= 5) throw std::runtime_error("five");
                          }),
                 std::runtime_error);
    std::atomic<int> calls{0};
    pool.run(10, [&](std::size_t, std::size_t) { ++calls; });
    EXPECT_EQ(calls, 10);
  }
}

}  // namespace
}  // namespace ngdsp
