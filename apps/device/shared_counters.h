// Counters that one thread writes and others read.
#pragma once

#include <mutex>

#include "stream.h"

namespace ngdevice {

class SharedCounters {
 public:
  /// Once a chunk, never a sample.
  template <typename Change>
  void change(Change change) {
    const std::lock_guard<std::mutex> lock(mutex_);
    change(counters_);
  }
  StreamCounters get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return counters_;
  }

 private:
  mutable std::mutex mutex_;
  StreamCounters counters_;
};

}  // namespace ngdevice
