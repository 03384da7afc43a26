// From chips to samples: pulse shaping at any time, clock and carrier.
#pragma once

#include <vector>

#include "ngdsp/base/types.h"
#include "ngdsp/waveform/profile.h"

namespace ngdsp {

/// How a frame reaches the sample clock it is rendered on. Zero everywhere is the transmitter itself.
struct Arrival {
  double start_samples = 0;  ///< time of the first chip's centre, in samples of the output, any fraction
  double clock_ppm = 0;  ///< the frame's clock minus the sample clock, relative: positive = chips come faster
  double carrier_offset_hz = 0;  ///< of the received carrier against the profile's
  double phase_rad = 0;          ///< carrier phase at the first chip's centre
  double amplitude = 1;          ///< square root of the received signal power (real samples: mean square)
};

/// Renders x(t) = amplitude * sum_n c[n] p((t - t0)/T' - n) exp(j(2 pi f (t - t0) + phase)) with the
/// root-raised-cosine pulse cut to +-16 chips and T' = T/(1 + clock_ppm 1e-6); real profiles give sqrt(2)
/// Re{x(t) exp(j 2 pi fc (t - t0))}. The mean power during the frame is amplitude^2 in both cases.
class Modulator {
 public:
  /// `sample_rate_hz` 0 takes the profile's.
  explicit Modulator(const Profile& profile, double sample_rate_hz = 0);

  double sample_rate_hz() const { return sample_rate_hz_; }
  double carrier_hz() const { return carrier_hz_; }  ///< in the samples: the profile's less its centre
  /// Samples before the first chip's centre that the pulse already fills.
  int lead_samples() const;
  /// Samples from the first chip's centre to the end of the last pulse.
  int tail_samples(std::size_t chips) const;

  /// Adds the frame to `out`, whose first sample has index 0; what lies outside is left out.
  void add(Span<const cf32> chips, const Arrival& arrival, Span<float> out) const;  ///< real profiles
  void add(Span<const cf32> chips, const Arrival& arrival, Span<cf32> out) const;   ///< complex profiles

 private:
  template <typename Sample>
  void render(Span<const cf32> chips, const Arrival& arrival, Span<Sample> out) const;

  double sample_rate_hz_, chip_rate_hz_, carrier_hz_;
  std::size_t phases_;        ///< samples a chip when that is a whole number, else 0
  std::vector<float> table_;  ///< pulse at kPhases + 1 fractions of a chip, kTaps taps each
};

}  // namespace ngdsp
