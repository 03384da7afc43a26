// A scenario as something samples pass through.
#pragma once

#include "ngdsp/channel/changing_noise.h"

namespace ngdsp {

/// Signal in, what the receiver's converter puts out. Paths come before: the caller renders the signal
/// through LineConfig::paths and, where there are any, through LineConfig::others; here both are switched by
/// the mains, noise is added and the receiver's input does its part.
template <typename Sample>
class ScenarioLine {
 public:
  /// `power` is N0 times the chip rate. Errors: an invalid scenario, what the samples cannot hold.
  static Result<ScenarioLine> create(const Scenario& scenario, const NoiseBand& band, double power,
                                     std::uint64_t seed);
  /// As new with this seed.
  void restart(std::uint64_t seed);
  /// The next samples; `others` is as long as `x`, empty only where the line has no others.
  void pass(Span<Sample> x, Span<const Sample> others);
  bool has_others() const { return !scenario_.line.others.empty(); }
  /// True variance and waveforms of the noise that the last pass() added.
  const ChangingNoise<Sample>& noise() const { return noise_; }

 private:
  ScenarioLine(const Scenario& scenario, const NoiseBand& band, double power, ChangingNoise<Sample> noise);

  Scenario scenario_;
  NoiseBand band_;
  double power_;
  float scale_, other_scale_;  // bring either set of paths to power 1 in the band
  ChangingNoise<Sample> noise_;
  MainsPhase mains_;
  ReceiverInput<Sample> input_;
  std::vector<double> turns_;
  std::vector<float> gains_, other_gains_;
};

extern template class ScenarioLine<float>;
extern template class ScenarioLine<cf32>;

}  // namespace ngdsp
