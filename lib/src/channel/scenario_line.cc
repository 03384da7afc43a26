#include "ngdsp/channel/scenario_line.h"

#include <algorithm>
#include <cmath>

namespace ngdsp {

template <typename Sample>
Result<ScenarioLine<Sample>> ScenarioLine<Sample>::create(const Scenario& scenario, PlacedLine line,
                                                          const NoiseBand& band, double power,
                                                          std::uint64_t seed) {
  Result<ChangingNoise<Sample>> noise = ChangingNoise<Sample>::create(scenario, band, seed);
  if (!noise) return Error{noise.error()};
  const InputConfig& input = scenario.input;
  if (!band.real && (input.highpass_hz > 0 || input.lowpass_hz > 0))
    return Error{"input.highpass_hz and input.lowpass_hz need real samples"};
  if (std::max(input.highpass_hz, input.lowpass_hz) >= band.sample_rate_hz / 2)
    return Error{"input.highpass_hz and input.lowpass_hz: expected below half the sample rate"};
  ScenarioLine made(scenario, std::move(line), band, power, std::move(*noise));
  made.restart(seed);
  return made;
}

template <typename Sample>
ScenarioLine<Sample>::ScenarioLine(const Scenario& scenario, PlacedLine line, const NoiseBand& band,
                                   double power, ChangingNoise<Sample> noise)
    : scenario_(scenario),
      line_(std::move(line)),
      band_(band),
      power_(power),
      noise_(std::move(noise)),
      mains_(scenario.mains, band.sample_rate_hz, 0),
      input_(scenario.input, band.sample_rate_hz, power * band.white_variance()) {}

template <typename Sample>
void ScenarioLine<Sample>::restart(std::uint64_t seed) {
  Rng seeds(seed);
  mains_ = MainsPhase(scenario_.mains, band_.sample_rate_hz, seeds.next());
  noise_.restart(seeds.next());
  input_ = ReceiverInput<Sample>(scenario_.input, band_.sample_rate_hz, power_ * band_.white_variance());
}

template <typename Sample>
void ScenarioLine<Sample>::pass(Span<Sample> x, const std::vector<std::vector<Sample>>& others) {
  turns_.resize(x.size());
  mains_.next(Span<double>(turns_));
  const float scale = line_.states[0].scale;
  if (scenario_.line.changes()) {
    line_gains(scenario_.line, line_, Span<const double>(turns_), gains_);
    for (std::size_t k = 0; k < x.size(); ++k) x[k] *= gains_[0][k] * scale;
    for (std::size_t s = 1; s < line_.states.size(); ++s) {
      const float other_scale = line_.states[s].scale;
      for (std::size_t k = 0; k < x.size(); ++k) x[k] += gains_[s][k] * other_scale * others[s - 1][k];
    }
  } else {
    for (Sample& v : x) v *= scale;
  }
  noise_.add(Span<const double>(turns_), x, power_);
  input_.process(x);
}

template class ScenarioLine<float>;
template class ScenarioLine<cf32>;

}  // namespace ngdsp
