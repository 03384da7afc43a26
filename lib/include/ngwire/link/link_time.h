// Time on the link, and how far a device lets a frame move its clock.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "ngwire/link/ccm.h"

namespace ngwire {

/// Link time counts seconds from 2000-01-01T00:00:00Z; this is that instant in Unix seconds.
inline constexpr std::int64_t kLinkEpochUnixS = 946'684'800;

/// 0 when the instant is before 2000 or after 2136.
std::uint32_t to_link_time(std::int64_t unix_s);

/// Content of LinkKind::time and LinkKind::group_time, 7 bytes.
struct TimeFrame {
  std::uint32_t time_s = 0;         ///< link time at the first chip of the frame
  std::uint16_t fraction_2_16 = 0;  ///< its fraction, in 1/65536 s
  bool step_back = false;           ///< the operator has confirmed a step backwards; only to one device
};

std::vector<std::uint8_t> encode(const TimeFrame& frame);
std::optional<TimeFrame> decode_time_frame(ByteView content);

/// Rules that make a forged or wrong time harmless to tariffs.
struct ClockRules {
  std::int64_t slew_limit_ms = 30'000;       ///< a larger error is not slewed but stepped
  std::int64_t group_day_limit_ms = 30'000;  ///< all corrections by group frames in 24 h together
  std::int64_t ignore_ms = 500;              ///< a smaller error is left alone
};

enum class ClockVerdict : std::uint8_t { ignored, slewed, stepped, refused_bound, refused_backwards };
const char* to_string(ClockVerdict verdict);

/// The clock of a device: a steady counter and a correction. A frame that passed its tag is weighed here.
class DeviceClock {
 public:
  explicit DeviceClock(ClockRules rules = {}) : rules_(rules) {}

  /// `steady_ms`: of the device's own oscillator; `frame_ms`: Unix time in the frame; `to_group`: any device
  /// of the group could have sent it. Corrections: a group frame may slew within the day's limit and never
  /// steps; a frame to the device alone slews up to the limit, steps forward beyond it, and steps back only
  /// with the operator's word.
  ClockVerdict weigh(std::int64_t steady_ms, std::int64_t frame_ms, bool to_group, bool step_back);

  /// Unix milliseconds.
  std::int64_t now_ms(std::int64_t steady_ms) const { return steady_ms + offset_ms_; }

 private:
  ClockRules rules_;
  std::int64_t offset_ms_ = 0;
  bool set_ = false;
  std::int64_t day_start_ms_ = 0;
  std::int64_t day_used_ms_ = 0;
};

}  // namespace ngwire
