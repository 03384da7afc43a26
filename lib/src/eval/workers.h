// A few threads on one job.
#pragma once

#include <algorithm>
#include <thread>
#include <vector>

namespace ngdsp {

/// `wanted` threads, or one a core when it is 0.
inline int thread_count(int wanted) {
  return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/// Runs work(i) on `threads` threads, one of them the caller's, and waits for all.
template <typename Work>
void run_threads(int threads, const Work& work) {
  std::vector<std::thread> pool;
  for (int i = 1; i < threads; ++i) pool.emplace_back([&work, i] { work(i); });
  work(0);
  for (std::thread& t : pool) t.join();
}

}  // namespace ngdsp
