// What a recording of a line or a radio band holds: spectrum, lines, impulses, rhythm of the mains, and the
// level a frame needs above it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"
#include "ngdsp/eval/mains_rhythm.h"
#include "ngdsp/eval/recorded_spectrum.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// Powers are those of the residual: the recording without its lines, whitened by its floor, within the band
/// looked at, analytic, mean power 1.
struct NoiseSurvey {
  double seconds = 0, rms_dbfs = 0, peak_dbfs = 0;
  double clipped = 0;  ///< share of samples at the largest magnitude, when that is reached more than once
  double band_low_hz = 0, band_high_hz = 0;
  double bandwidth_hz = 0;  ///< of the residual, lines left out
  RecordedSpectrum spectrum;
  double line_share = 0;       ///< of the power in the band that its lines hold
  double floor_spread_db = 0;  ///< of the floor over the band, between its 10 and 90 % points
  double kurtosis = 2;         ///< E|r|^4/(E|r|^2)^2: Gaussian 2
  double kurtosis_error = 0;   ///< standard deviation of that for Gaussian noise of this length

  double impulse_threshold_db = 0;  ///< over the Gaussian power that has the median found
  double impulses_per_s = 0, impulse_width_s = 0, impulse_peak_db = 0;  ///< medians; peak over the same power
  double impulse_power_share = 0;  ///< of the power that lies in impulses

  MainsRhythm mains;
  double occupied_time = 0;                         ///< share of intervals 3 dB above the median one
  double interval_s = 0;                            ///< of `power`: 10 ms, or 100 independent values
  std::vector<std::pair<double, double>> power;     ///< (s, mean power) of successive intervals
  std::vector<std::pair<double, double>> exceeded;  ///< (power, share of time above it), 1e-6 at the least

  /// The first of narrow-band, impulsive, cyclostationary, coloured, white that holds (docs/survey.md).
  std::string noise_class;
  std::vector<std::string> traits;  ///< all that hold
};

/// False impulses that Gaussian noise is allowed, a second.
inline constexpr double kFalseImpulsesPerS = 0.01;

struct SurveyConfig {
  double sample_rate_hz = 0;
  double center_hz = 0;  ///< of complex samples
  bool real = false;     ///< imaginary parts are zero
  /// The band to look at; without one, where the floor is within 40 dB of its highest.
  std::optional<std::pair<double, double>> band_hz;
};

/// Errors: fewer than 1024 samples, silence, samples that are no numbers, a band without noise.
Result<NoiseSurvey> survey_noise(Span<const cf32> samples, const SurveyConfig& config);

/// What frames of one class need above the noise of a survey.
struct LinkNeed {
  std::string profile;
  int payload_bytes = 0;
  double carrier_hz = 0;
  bool moved = false;  ///< the profile's own band is not in the recording: placed in the middle of it
  double threshold_ebn0_db = 0;  ///< for 1 % lost in white noise (docs/performance.md)
  double noise_dbfs_hz = 0;      ///< mean density in the occupied band
  double floor_dbfs_hz = 0;      ///< the same of the floor: without lines, impulses counted by their median
  double needed_dbfs = 0;        ///< power of a frame that reaches the threshold over the mean density
  double needed_floor_dbfs = 0;  ///< over the floor: what weighting of lines and impulses could reach at best
};

/// All classes of the shipped profiles whose occupied band the recording's band holds; cenelec-a-low, which
/// is made for slices, is moved to the middle of a recording below 1 MHz where its own band is not there.
std::vector<LinkNeed> link_needs(const NoiseSurvey& survey);

}  // namespace ngdsp
