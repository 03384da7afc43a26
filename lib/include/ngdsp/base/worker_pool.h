// Independent pieces of work on several threads: fork and join.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace ngdsp {

/// Threads that wait for work. One caller at a time.
class WorkerPool {
 public:
  using Work = std::function<void(std::size_t index, std::size_t worker)>;

  /// `workers` of them, at least 1, the calling thread among them: 1 starts no thread.
  explicit WorkerPool(int workers);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// A pool of the calling thread alone; any number of callers.
  static WorkerPool& alone();

  std::size_t workers() const;
  /// Calls work(i, worker) once for every i < count, in any order; at a time no two calls have the same
  /// worker < workers(). Returns when all are done. Where one throws no more are begun, and the first
  /// exception is thrown from here.
  void run(std::size_t count, const Work& work);

 private:
  struct Threads;
  std::unique_ptr<Threads> threads_;  // none for one worker
};

}  // namespace ngdsp
