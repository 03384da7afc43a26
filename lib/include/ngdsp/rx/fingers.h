// Paths of a channel from its response to a known sequence.
#pragma once

#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/rx/chip_pulse.h"

namespace ngdsp {

/// One resolved path.
struct Finger {
  double delay_chips = 0;
  cf64 gain;
};

/// Where paths are looked for, chips after the time a frame was found at, and on which grid.
constexpr double kFirstDelay = -3, kLastDelay = 12, kDelayStep = 0.25;
constexpr std::size_t kDelays = static_cast<std::size_t>((kLastDelay - kFirstDelay) / kDelayStep) + 1;

/// Fills the quarter chips of a response whose half chips (even indices) are there: cubic interpolation.
void fill_quarters(std::vector<cf64>& response);

/// CLEAN: the strongest delay of `response` (kDelays values, a path of gain g gives `length` g times the
/// pulse), then the strongest of what its pulse leaves, while a path's |response|^2 is at least
/// `least` and within 20 dB of the strongest. At least one finger.
void find_fingers(std::vector<cf64>& response, double length, double least, const ChipPulse& pulse,
                  std::vector<Finger>& fingers);

/// Delays and gains of all paths together, by least squares on the half chips of `response`: paths closer
/// than the pulse is wide disturb each other in CLEAN.
void fit_fingers(const std::vector<cf64>& response, double length, const ChipPulse& pulse,
                 std::vector<Finger>& fingers);

}  // namespace ngdsp
