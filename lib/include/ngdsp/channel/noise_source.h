// What every model of noise is asked for, and the unit it answers in.
//
// The unit is the background: N0 is its power density averaged over the occupied band (chip rate wide around
// the carrier), 0 dB. Gaussian noise that comes and goes has a `level_db` that says how far it lifts the
// noise above the background alone, density against N0: at +20 dB the noise is 100 N0, of which 99 are added.
// Whatever has a waveform of its own (carriers, ringing) has a `level_db` that compares its power, while it
// is on, with N0 times the chip rate: the background's power in the band.
#pragma once

#include <memory>
#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// The samples that noise is made for.
struct NoiseBand {
  bool real = true;  ///< real samples, or complex ones around `center_hz`
  double sample_rate_hz = 192000;
  double center_hz = 0;
  double carrier_hz = 63000, chip_rate_hz = 48000;

  double low_hz() const { return carrier_hz - chip_rate_hz / 2; }
  double high_hz() const { return carrier_hz + chip_rate_hz / 2; }
  /// Variance of white noise of density N0, per sample, when N0 times the chip rate is 1.
  double white_variance() const { return sample_rate_hz / chip_rate_hz / (real ? 2 : 1); }
  /// Whether samples at this rate can hold the frequency.
  bool holds(double hz) const {
    const double offset = hz - center_hz;
    return real ? offset > 0 && offset < sample_rate_hz / 2
                : offset > -sample_rate_hz / 2 && offset < sample_rate_hz / 2;
  }
};

/// The band of a profile in samples of this rate; `carrier_hz` below 0 is the profile's.
NoiseBand noise_band(const Profile& profile, double sample_rate_hz, double carrier_hz = -1);

/// Gaussian noise, told by its variance.
class VarianceSource {
 public:
  virtual ~VarianceSource() = default;
  /// Adds density over N0 to the next samples; `turns` is their mains phase.
  virtual void add(Span<const double> turns, Span<float> variance) = 0;
};

/// Noise with a waveform, as an envelope around NoiseBand::center_hz. |x|^2 = 1 is N0 times the chip rate.
class WaveSource {
 public:
  virtual ~WaveSource() = default;
  /// Adds to the next samples. Real samples become sqrt(2) Re x.
  virtual void add(Span<const double> turns, Span<cf32> wave) = 0;
};

}  // namespace ngdsp
