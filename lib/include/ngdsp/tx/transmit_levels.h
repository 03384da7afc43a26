// The transmit level drawn for every attempt (docs/waveform.md, "Transmit level").
#pragma once

#include <array>
#include <string>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/rng.h"

namespace ngdsp {

/// One level against a node's full level, and how often it is drawn.
struct TransmitLevel {
  double level_db = 0;     ///< -40 ... 0
  double probability = 1;  ///< 0 ... 1
};

/// Draws a level for every attempt at a payload, independently of everything else; the last attempt goes at
/// full level. The default is the table of the air interface: 0, -3, -6, -9 dB with 1/2, 0, 1/2, 0.
class TransmitLevels {
 public:
  static constexpr std::array<double, 4> kAirLevelsDb = {0, -3, -6, -9};
  static constexpr std::array<double, 4> kAirProbabilities = {0.5, 0, 0.5, 0};

  TransmitLevels() : TransmitLevels(kAirProbabilities) {}
  /// The four levels of the air interface with the probabilities a downlink has set.
  explicit TransmitLevels(const std::array<double, 4>& probabilities);
  /// Any levels: experiments.
  explicit TransmitLevels(std::vector<TransmitLevel> levels) : levels_(std::move(levels)) {}

  /// Empty when there are 1 to 16 levels of -40 to 0 dB whose probabilities lie in 0 to 1 and sum to 1 within
  /// 1e-6, else one line.
  std::string validate() const;

  /// The level of one attempt, dB. The draw happens for the last attempt too, so that `rng` stays in step.
  double draw_db(Rng& rng, bool last_attempt = false) const;
  /// Mean power against full level (linear) of attempts that are not the last.
  double mean_power() const;
  const std::vector<TransmitLevel>& levels() const { return levels_; }

 private:
  std::vector<TransmitLevel> levels_;
};

/// "DB" or "DB:PERCENT" separated by commas, e.g. "0", "0,-6", "0:25,-3:25,-6:50": either none or all with
/// their percentage; none means equal probabilities.
Result<TransmitLevels> parse_transmit_levels(const std::string& text);
/// The same form with percentages, "0" for one level.
std::string to_string(const TransmitLevels& levels);

}  // namespace ngdsp
