// A progress bar with the time left on stderr, only when that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace ngplc_app {

class Progress {
 public:
  /// `total` in any unit; 0 = unknown, nothing is drawn.
  Progress(std::string label, std::uint64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Redraws at most ten times a second. Any thread.
  void update(std::uint64_t done);
  /// Takes the bar off the screen, so that other text can be written; the next update() draws it again.
  void clear();

 private:
  void erase();

  std::string label_;
  std::uint64_t total_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
  std::mutex mutex_;
};

/// "2 min 5 s", "8 s".
std::string short_duration(double seconds);

}  // namespace ngplc_app
