#include "service.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>

namespace ngplc::hub {
namespace {

constexpr std::size_t kMostRefused = 10;

}  // namespace

void open_log(const LogConfig& log) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("hub"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  set_log_level(log);
}

void set_log_level(const LogConfig& log) {
  spdlog::set_level(spdlog::level::from_str(log.level == "warn" ? "warning" : log.level));
}

void log_refused(const std::string& who, const std::vector<std::string>& refused) {
  for (std::size_t i = 0; i < std::min(refused.size(), kMostRefused); ++i)
    spdlog::error("{}: refused {}", who, refused[i]);
  if (refused.size() > kMostRefused) spdlog::error("{}: refused {} more", who, refused.size() - kMostRefused);
}

ServiceSignals::ServiceSignals() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // A file-size limit shows as a write error, which the store handles.
  std::signal(SIGXFSZ, SIG_IGN);
}

int ServiceSignals::wait(std::chrono::nanoseconds time) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec left{seconds.count(), (time - seconds).count()};
  return sigtimedwait(&signals_, nullptr, &left);
}

}  // namespace ngplc::hub
