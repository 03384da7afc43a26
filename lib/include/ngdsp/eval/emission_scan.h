// The emission of a signal over frequency, as a measuring receiver after CISPR 16-1-1 reads it.
#pragma once

#include <functional>
#include <vector>

#include "ngdsp/base/error.h"
#include "ngdsp/base/types.h"

namespace ngdsp {

/// One tuning of the receiver. Levels in dB over 1 uV across the artificial mains network.
struct EmissionPoint {
  double frequency_hz = 0;
  double bandwidth_hz = 0;  ///< 200 below 150 kHz, 9000 above
  double peak_dbuv = 0, quasi_peak_dbuv = 0, average_dbuv = 0;
  double density_dbuv_hz = 0;  ///< mean power a hertz, dB over 1 uV^2/Hz
};

struct EmissionScan {
  std::vector<EmissionPoint> points;  ///< ascending, at most half a bandwidth apart, from 3 kHz on
  double seconds = 0;
  double rms_dbuv = 0;   ///< of all samples
  double peak_dbuv = 0;  ///< largest envelope of everything above 3 kHz, as the rms of a sine that high
  double width_hz = 0;   ///< between the outermost points within 20 dB of the highest, peak detector
  bool settled = false;  ///< long enough (1 s) for quasi-peak and average
};

struct EmissionScanConfig {
  double sample_rate_hz = 0;
  double full_scale_dbuv =
      120;  ///< voltage of a sample of 1.0: 120 is 1 V; a sine of amplitude 1 reads 3 dB less
};

/// Filter bank of Gaussian filters (6 dB bandwidth of the band, H(f) = 2^-(2 f/B)^2) by short-time FFT,
/// detectors on every channel. Filters never reach beyond the samples: their first and last 10 ms are seen
/// by the skirts only. Errors: no rate, fewer samples than one filter (20 ms), a sample that is no number.
Result<EmissionScan> scan_emission(const EmissionScanConfig& config, Span<const float> samples,
                                   const std::function<void(double)>& progress = {});

}  // namespace ngdsp
