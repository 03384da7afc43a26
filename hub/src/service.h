// What the hub and `ngplc-hub collect` do alike as services: log and signals.
#pragma once

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "config.h"

namespace ngplc::hub {

/// Log lines with time and level on standard error.
void open_log(const LogConfig& log);
void set_log_level(const LogConfig& log);
/// What `who` set aside, already one line each, for the first ten and one for the rest: a flood of it must
/// not fill the disk.
void log_refused(const std::string& who, const std::vector<std::string>& refused);

/// The signals that end a service or have it read its configuration again. To be made before any thread
/// starts, so that all of them leave these signals to wait(). Broken pipes and file-size limits show as
/// errors of write() from then on.
class ServiceSignals {
 public:
  ServiceSignals();
  /// SIGTERM, SIGINT or SIGHUP; -1 when none came in time.
  int wait(std::chrono::nanoseconds time) const;

 private:
  sigset_t signals_{};
};

}  // namespace ngplc::hub
