#include "local_calendar.h"

#include <date/tz.h>

#include <algorithm>

namespace ngplc::hub {
namespace {

constexpr char kUtc[] = "Etc/UTC";

const date::time_zone* find_zone(const std::string& name) {
  try {
    return date::locate_zone(name);
  } catch (const std::runtime_error&) {
    return nullptr;
  }
}

}  // namespace

LocalCalendar::LocalCalendar(const std::string& name) : zone_(find_zone(name.empty() ? kUtc : name)) {
  if (zone_ != nullptr) return;
  known_ = false;
  zone_ = date::locate_zone(kUtc);
}

std::int64_t LocalCalendar::start(RollupLevel level, std::int64_t unix_s) const {
  const auto& zone = *static_cast<const date::time_zone*>(zone_);
  const date::sys_seconds now{std::chrono::seconds(unix_s)};
  const date::sys_info info = zone.get_info(now);
  const date::local_seconds local{now.time_since_epoch() + info.offset};
  date::sys_seconds start;
  if (level == RollupLevel::hour) {
    const auto hour = date::floor<std::chrono::hours>(local);
    // Not before a change of the clock within the hour (Lord Howe: half an hour).
    start = std::max(date::sys_seconds{hour.time_since_epoch() - info.offset}, info.begin);
  } else {
    auto day = date::floor<date::days>(local);
    if (level == RollupLevel::month) {
      const date::year_month_day date{day};
      day = date::local_days{date.year() / date.month() / 1};
    }
    start = zone.to_sys(date::local_seconds{day}, date::choose::earliest);
  }
  return start.time_since_epoch().count();
}

}  // namespace ngplc::hub
