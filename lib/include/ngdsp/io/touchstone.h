// Two-port measurements in Touchstone files (.s2p).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"

namespace ngdsp {

struct TwoPortPoint {
  double frequency_hz = 0;
  cf64 s11, s21, s12, s22;
};

struct TwoPort {
  double reference_ohm = 50;
  std::vector<TwoPortPoint> points;  ///< rising in frequency, at least one
};

/// Touchstone 1.1 with S-parameters: an option line "# HZ|KHZ|MHZ|GHZ S DB|MA|RI R OHM" (GHz, MA, 50 where
/// left out), comments from "!", then nine numbers a line: f, S11, S21, S12, S22 as pairs. Errors name
/// `source` and line: no option line, parameters that are not S, a line that is cut short, a number that is
/// none, frequencies that do not rise, no data.
Result<TwoPort> parse_s2p(std::string_view text, const std::string& source);
Result<TwoPort> load_s2p(const std::string& path);

}  // namespace ngdsp
