// A frame through several paths.
#pragma once

#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/tx/modulator.h"

namespace ngdsp {

/// One path: relative level, extra delay and phase turn.
struct Tap {
  double gain_db = 0;
  double delay_chips = 0;  ///< >= 0
  double phase_rad = 0;
};

/// "gain_db@delay_chips[@phase_deg]" separated by commas, e.g. "0@0,-6@0.7@120,-10@2.3": 1 to 32 taps, gains
/// within
/// +-60 dB, delays 0 to 64 chips.
Result<std::vector<Tap>> parse_taps(const std::string& text);

/// Delay of the latest tap; none: 0.
double longest_delay_chips(const std::vector<Tap>& taps);

/// Renders the frame over all taps, gains scaled so that their powers sum to 1. No taps: one path. Taps whole
/// chips apart are one filter on the chips, in the frame's own clock.
void add_multipath(const Modulator& modulator, Span<const cf32> chips, const Arrival& arrival,
                   const std::vector<Tap>& taps, double chip_rate_hz, Span<float> out);
void add_multipath(const Modulator& modulator, Span<const cf32> chips, const Arrival& arrival,
                   const std::vector<Tap>& taps, double chip_rate_hz, Span<cf32> out);

}  // namespace ngdsp
