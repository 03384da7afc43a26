// What a receiver is told that knows the noise of a scenario, and what not even it gets back.
#pragma once

#include <functional>

#include "ngdsp/channel/noise_source.h"
#include "ngdsp/channel/scenario.h"

namespace ngdsp {

/// A genie takes every waveform out of the noise (carriers, combs, ringing) and tells what remains: Gaussian
/// noise of the density B(f) + v(t) - 1 over N0, B the background's, v what LineNoise::variance() says.
/// Sources with a slope of their own are taken for white ones. A recording stays: it is the noise.
class Genie {
 public:
  Genie(const Scenario& scenario, const Profile& profile, const NoiseBand& band);

  /// The scenario less its waveforms; its Gaussian noise is the same, sample for sample.
  const Scenario& scenario() const { return scenario_; }
  /// Of the background, `turns` cycles a chip from the carrier, over N0.
  double spectrum(double turns) const;
  /// Variance of a chip behind the filter 1/sqrt(spectrum()) while LineNoise::variance() is v; 1 for 1.
  double variance(double v) const { return 1 + (v - 1) * excess_; }
  bool coloured() const { return !scenario_.background.white(); }

 private:
  Scenario scenario_;
  NoiseBand band_;
  double rolloff_, excess_;
};

/// E_b/N0 that the best receiver needs beyond what it needs in white noise, dB, its frame's power even over
/// the band: -10 log10 of the mean of N0/N(f, t) over the band (weighted as the pulse's spectrum) and time.
/// It knows N(f, t) but of waveforms no more than W(f), their mean spectrum: a band that holds one is lost
/// while the waveform is in it or not.
struct IdealLoss {
  double waveforms_known_db = 0;  ///< of a receiver that takes them out
  double db = 0;                  ///< the difference is the band lost
};
/// From `seconds` of the scenario's noise, 0.5 ... 100.
Result<IdealLoss> ideal_loss(const Scenario& scenario, const Profile& profile, const NoiseBand& band,
                             double seconds, std::uint64_t seed);

}  // namespace ngdsp
