#include "supervisor.h"

#include <systemd/sd-daemon.h>

namespace ngplc::hub {

Supervisor::Supervisor() {
  std::uint64_t watchdog_us = 0;
  watched_ = sd_watchdog_enabled(0, &watchdog_us) > 0;
  // The feed turns once a second, so a third of less than 3 s could miss a turn and is not a period that
  // works.
  if (watched_) period_ = std::chrono::milliseconds(watchdog_us / 3000);
}

void Supervisor::ready() { sd_notify(0, "READY=1"); }
void Supervisor::reloading() { sd_notify(0, "RELOADING=1"); }
void Supervisor::stopping() { sd_notify(0, "STOPPING=1"); }

void Supervisor::alive(std::uint64_t turns) {
  if (watched_ && turns != turns_) sd_notify(0, "WATCHDOG=1");
  turns_ = turns;
}

}  // namespace ngplc::hub
