#include "ngwire/link/link_time.h"

#include <cstdlib>

#include "ngwire/link/link_frame.h"
#include "octets.h"

namespace ngwire {
namespace {

constexpr std::size_t kBytes = 7;
constexpr std::uint8_t kStepBack = 1;
constexpr std::int64_t kDayMs = 86'400'000;

}  // namespace

std::uint32_t to_link_time(std::int64_t unix_s) {
  const std::int64_t seconds = unix_s - kLinkEpochUnixS;
  return seconds < 0 || seconds > 0xffffffffLL ? 0 : static_cast<std::uint32_t>(seconds);
}

std::vector<std::uint8_t> encode(const TimeFrame& frame) {
  std::vector<std::uint8_t> out;
  append_number(out, frame.time_s, 4);
  append_number(out, frame.fraction_2_16, 2);
  append_number(out, frame.step_back ? kStepBack : 0, 1);
  return out;
}

std::optional<TimeFrame> decode_time_frame(ByteView content) {
  if (content.size < kBytes || content.data[6] > kStepBack || !is_padding(content, kBytes))
    return std::nullopt;
  TimeFrame frame;
  frame.time_s = static_cast<std::uint32_t>(load_number(content.data, 4));
  frame.fraction_2_16 = static_cast<std::uint16_t>(load_number(content.data + 4, 2));
  frame.step_back = content.data[6] == kStepBack;
  return frame;
}

const char* to_string(ClockVerdict verdict) {
  switch (verdict) {
    case ClockVerdict::ignored:
      return "ignored";
    case ClockVerdict::slewed:
      return "slewed";
    case ClockVerdict::stepped:
      return "stepped";
    case ClockVerdict::refused_bound:
      return "refused_bound";
    case ClockVerdict::refused_backwards:
      return "refused_backwards";
  }
  return "unknown";
}

ClockVerdict DeviceClock::weigh(std::int64_t steady_ms, std::int64_t frame_ms, bool to_group,
                                bool step_back) {
  const std::int64_t error = frame_ms - now_ms(steady_ms);
  const std::int64_t size = std::abs(error);
  if (set_ && size < rules_.ignore_ms) return ClockVerdict::ignored;
  if (to_group) {
    // A day of the oscillator, not of the clock that is being moved.
    if (steady_ms - day_start_ms_ >= kDayMs) {
      day_start_ms_ = steady_ms;
      day_used_ms_ = 0;
    }
    if (!set_ || day_used_ms_ + size > rules_.group_day_limit_ms) return ClockVerdict::refused_bound;
    day_used_ms_ += size;
    offset_ms_ += error;
    return ClockVerdict::slewed;
  }
  // A device that has no time yet takes the first it is told.
  if (set_ && error < 0 && size > rules_.slew_limit_ms && !step_back) return ClockVerdict::refused_backwards;
  const bool step = !set_ || size > rules_.slew_limit_ms;
  offset_ms_ += error;
  set_ = true;
  return step ? ClockVerdict::stepped : ClockVerdict::slewed;
}

}  // namespace ngwire
