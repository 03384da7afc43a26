#include "ngdsp/base/worker_pool.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ngdsp {

struct WorkerPool::Threads {
  std::mutex mutex;
  std::condition_variable begun, done;
  const Work* work = nullptr;
  std::size_t next = 0, count = 0;  // indices not yet begun
  std::size_t running = 0;
  std::exception_ptr failure;
  bool stop = false;
  std::vector<std::thread> threads;

  // Begins what is not begun, one index at a time; `lock` is held outside the work.
  void take_part(std::unique_lock<std::mutex>& lock, std::size_t worker) {
    while (next < count) {
      const std::size_t index = next++;
      ++running;
      lock.unlock();
      std::exception_ptr thrown;
      try {
        (*work)(index, worker);
      } catch (...) {
        thrown = std::current_exception();
      }
      lock.lock();
      --running;
      if (!thrown) continue;
      if (!failure) failure = thrown;
      next = count;
    }
  }

  void serve(std::size_t worker) {
    std::unique_lock lock(mutex);
    for (;;) {
      begun.wait(lock, [this] { return stop || next < count; });
      if (stop) return;
      take_part(lock, worker);
      if (running == 0) done.notify_one();
    }
  }

  ~Threads() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    begun.notify_all();
    for (std::thread& t : threads) t.join();
  }
};

WorkerPool::WorkerPool(int workers) {
  if (workers <= 1) return;
  threads_ = std::make_unique<Threads>();
  for (std::size_t w = 1; w < static_cast<std::size_t>(workers); ++w)
    threads_->threads.emplace_back([t = threads_.get(), w] { t->serve(w); });
}

WorkerPool::~WorkerPool() = default;

WorkerPool& WorkerPool::alone() {
  static WorkerPool pool(1);
  return pool;
}

std::size_t WorkerPool::workers() const { return threads_ ? threads_->threads.size() + 1 : 1; }

void WorkerPool::run(std::size_t count, const Work& work) {
  if (!threads_ || count <= 1) {
    for (std::size_t i = 0; i < count; ++i) work(i, 0);
    return;
  }
  Threads& t = *threads_;
  std::unique_lock lock(t.mutex);
  t.work = &work;
  t.next = 0;
  t.count = count;
  for (std::size_t w = 1; w < std::min(workers(), count); ++w) t.begun.notify_one();
  t.take_part(lock, 0);
  t.done.wait(lock, [&t] { return t.running == 0; });
  if (const std::exception_ptr failure = std::exchange(t.failure, nullptr)) std::rethrow_exception(failure);
}

}  // namespace ngdsp
