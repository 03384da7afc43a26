// The spectrum of a recording, and the steady lines in it.
#pragma once

#include <cstddef>
#include <vector>

#include "ngdsp/base/types.h"

namespace ngdsp {

struct SpectralLine {
  double frequency_hz = 0;
  double level_dbfs = 0;  ///< power of the line, dB over full scale squared
  double excess_db = 0;   ///< of its highest bin over the floor beside it
  std::size_t bin = 0;
};

/// Densities over full scale squared a hertz, ascending in frequency: power of a real recording counts once,
/// at positive frequencies. The integral of `mean` is the mean square of the samples.
struct RecordedSpectrum {
  double bin_hz = 0, first_hz = 0;  ///< bin k lies at first_hz + k bin_hz
  std::size_t segments = 0;
  std::vector<double> mean;
  std::vector<double>
      median;  ///< over time, divided by ln 2: the mean where the noise is Gaussian and steady
  std::vector<double> highest;      ///< over time
  std::vector<double> floor;        ///< median, smoothed over frequency without the lines
  std::vector<SpectralLine> lines;  ///< ascending in frequency
  double line_threshold_db = 0;

  double frequency_hz(std::size_t bin) const { return first_hz + static_cast<double>(bin) * bin_hz; }
};

/// False lines a recording of steady Gaussian noise is allowed, of any smooth spectrum.
inline constexpr double kFalseLines = 1e-3;

/// Welch's spectrum with a four-term Blackman-Harris window (side lobes at -92 dB: a strong line hides no
/// others), half overlapping segments of 256 to 8192 samples, 64 or more of them where the length allows.
///
/// Lines are found in the median over time, so that impulses make none: a bin is a line when it is the
/// highest of the +-4 that a line fills and stands over the higher of the two medians of the 16 bins on
/// either side by the threshold x: the median of K exponential values exceeds x with I_p((K+1)/2, (K+1)/2), p
/// = e^-x, which is set to kFalseLines / bins for K smaller by 1.1, because the medians beside it err too.
///
/// `real`: the imaginary parts are zero. Fewer than 4 x 256 samples give an empty spectrum.
RecordedSpectrum measure_spectrum(Span<const cf32> samples, bool real, double sample_rate_hz,
                                  double center_hz);

}  // namespace ngdsp
