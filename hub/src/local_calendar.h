// Hours, days and months as the people at the meter count them.
#pragma once

#include <cstdint>
#include <string>

namespace ngplc::hub {

enum class RollupLevel : std::uint8_t { hour, day, month };

/// The time zone database of the system, by IANA name. Thread-safe.
class LocalCalendar {
 public:
  /// An empty or unknown name is UTC; known() tells.
  explicit LocalCalendar(const std::string& name);
  bool known() const { return known_; }

  /// Unix seconds of the beginning of the hour, day or month that holds `unix_s`. An hour that a clock change
  /// repeats is two hours; a day without a midnight begins at its first instant.
  std::int64_t start(RollupLevel level, std::int64_t unix_s) const;

 private:
  const void* zone_;
  bool known_ = true;
};

}  // namespace ngplc::hub
