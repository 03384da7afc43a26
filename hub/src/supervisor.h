// What a service manager is told: ready, reloading, stopping, and that the hub lives (sd_notify).
#pragma once

#include <chrono>
#include <cstdint>

namespace ngplc::hub {

/// Without NOTIFY_SOCKET in the environment every call does nothing.
class Supervisor {
 public:
  Supervisor();

  void ready();
  void reloading();
  void stopping();

  /// Call at least every period(); `turns` is what rises while the hub works. A ping goes out only when it
  /// has risen since the last one, so that a hub whose feed hangs is started anew.
  void alive(std::uint64_t turns);

  /// A third of the watchdog's time; 1 s without a watchdog.
  std::chrono::milliseconds period() const { return period_; }

 private:
  bool watched_ = false;
  std::chrono::milliseconds period_{1000};
  std::uint64_t turns_ = 0;
};

}  // namespace ngplc::hub
