#include "ngdsp/channel/scenario_line.h"

#include <algorithm>
#include <cmath>

namespace ngdsp {
namespace {

constexpr double kLeastPower = 1e-6;  // paths that cancel each other are not brought back

float scale_of(const std::vector<LinePath>& paths, const NoiseBand& band) {
  return static_cast<float>(1 / std::sqrt(std::max(kLeastPower, path_power(paths, band))));
}

}  // namespace

template <typename Sample>
Result<ScenarioLine<Sample>> ScenarioLine<Sample>::create(const Scenario& scenario, const NoiseBand& band,
                                                          double power, std::uint64_t seed) {
  Result<ChangingNoise<Sample>> noise = ChangingNoise<Sample>::create(scenario, band, seed);
  if (!noise) return Error{noise.error()};
  const InputConfig& input = scenario.input;
  if (!band.real && (input.highpass_hz > 0 || input.lowpass_hz > 0))
    return Error{"input.highpass_hz and input.lowpass_hz need real samples"};
  if (std::max(input.highpass_hz, input.lowpass_hz) >= band.sample_rate_hz / 2)
    return Error{"input.highpass_hz and input.lowpass_hz: expected below half the sample rate"};
  for (const std::vector<LinePath>* paths : {&scenario.line.paths, &scenario.line.others})
    for (const LinePath& p : *paths)
      if (p.delay_s * band.chip_rate_hz > 64) return Error{"line: a delay is longer than 64 chips"};
  ScenarioLine line(scenario, band, power, std::move(*noise));
  line.restart(seed);
  return line;
}

template <typename Sample>
ScenarioLine<Sample>::ScenarioLine(const Scenario& scenario, const NoiseBand& band, double power,
                                   ChangingNoise<Sample> noise)
    : scenario_(scenario),
      band_(band),
      power_(power),
      scale_(scale_of(scenario.line.paths, band)),
      other_scale_(scale_of(scenario.line.others, band)),
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
void ScenarioLine<Sample>::pass(Span<Sample> x, Span<const Sample> others) {
  turns_.resize(x.size());
  mains_.next(Span<double>(turns_));
  if (scenario_.line.changes()) {
    gains_.resize(x.size());
    other_gains_.resize(x.size());
    line_gains(scenario_.line, Span<const double>(turns_), Span<float>(gains_), Span<float>(other_gains_));
    for (std::size_t k = 0; k < x.size(); ++k) {
      x[k] *= gains_[k] * scale_;
      if (!others.empty()) x[k] += other_gains_[k] * other_scale_ * others[k];
    }
  } else {
    for (Sample& v : x) v *= scale_;
  }
  noise_.add(Span<const double>(turns_), x, power_);
  input_.process(x);
}

template class ScenarioLine<float>;
template class ScenarioLine<cf32>;

}  // namespace ngdsp
