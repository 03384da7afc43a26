// A scenario as something samples pass through.
#pragma once

#include "ngdsp/channel/changing_noise.h"
#include "ngdsp/channel/placed_line.h"

namespace ngdsp {

/// Signal in, what the receiver's converter puts out. Paths come before: the caller renders the signal
/// through the sender's paths of every state of the line; here the mains switches between them, noise is
/// added and the receiver's input does its part.
template <typename Sample>
class ScenarioLine {
 public:
  /// `line` is the scenario's in this band (place_line), `power` N0 times the chip rate. Errors: an invalid
  /// scenario, what the samples cannot hold.
  static Result<ScenarioLine> create(const Scenario& scenario, PlacedLine line, const NoiseBand& band,
                                     double power, std::uint64_t seed);
  /// As new with this seed.
  void restart(std::uint64_t seed);
  /// The next samples: `x` through the first state of the line, `others` through those after it, one for
  /// each and at least as long as `x`.
  void pass(Span<Sample> x, const std::vector<std::vector<Sample>>& others);
  const PlacedLine& line() const { return line_; }
  /// True variance and waveforms of the noise that the last pass() added.
  const ChangingNoise<Sample>& noise() const { return noise_; }

 private:
  ScenarioLine(const Scenario& scenario, PlacedLine line, const NoiseBand& band, double power,
               ChangingNoise<Sample> noise);

  Scenario scenario_;
  PlacedLine line_;
  NoiseBand band_;
  double power_;
  ChangingNoise<Sample> noise_;
  MainsPhase mains_;
  ReceiverInput<Sample> input_;
  std::vector<double> turns_;
  std::vector<std::vector<float>> gains_;  // by state
};

extern template class ScenarioLine<float>;
extern template class ScenarioLine<cf32>;

}  // namespace ngdsp
