// A token bucket for each client address.
#pragma once

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <unordered_map>

namespace ngplc::hub {

/// `burst` at once, then `per_second`. Thread-safe. Remembers at most 10 000 addresses: beyond them full
/// buckets are forgotten, and when there are none, all.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  RateLimiter(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  /// True: go ahead, one is taken.
  bool take(const std::string& address, Clock::time_point now = Clock::now()) {
    const std::lock_guard lock(mutex_);
    if (buckets_.size() >= kMost && buckets_.find(address) == buckets_.end()) {
      for (auto it = buckets_.begin(); it != buckets_.end();)
        it = level(it->second, now) >= burst_ ? buckets_.erase(it) : std::next(it);
      if (buckets_.size() >= kMost) buckets_.clear();
    }
    Bucket& bucket = buckets_.try_emplace(address, Bucket{burst_, now}).first->second;
    bucket = {level(bucket, now), now};
    if (bucket.level < 1) return false;
    bucket.level -= 1;
    return true;
  }

 private:
  static constexpr std::size_t kMost = 10'000;
  struct Bucket {
    double level;
    Clock::time_point at;
  };
  double level(const Bucket& bucket, Clock::time_point now) const {
    return std::min(burst_,
                    bucket.level + per_second_ * std::chrono::duration<double>(now - bucket.at).count());
  }

  const double per_second_;
  const double burst_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace ngplc::hub
