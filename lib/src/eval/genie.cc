#include "ngdsp/eval/genie.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/channel/line_noise.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr int kSpectrumPoints = 512;
constexpr std::size_t kWindow = 4096;      // samples of a spectrum of the waveforms, half overlapping
constexpr std::size_t kVarianceStep = 16;  // samples whose variance is taken for one

double energy_at(double chip_rates, double rolloff) { return std::pow(rrc_spectrum(chip_rates, rolloff), 2); }

// Mean over time and band of N0/N(f, t), as `density` over N0 at the carrier plus so many chip rates.
double mean_inverse(const std::vector<double>& density, const std::vector<double>& energy,
                    const std::vector<float>& variance) {
  double total = 0, sum = 0;
  for (const double e : energy) total += e;
  for (const float v : variance)
    for (std::size_t i = 0; i < density.size(); ++i)
      sum += energy[i] / (density[i] + static_cast<double>(v) - 1);
  return sum / (total * static_cast<double>(variance.size()));
}

template <typename Sample>
Result<IdealLoss> loss(const Scenario& scenario, const Profile& profile, const NoiseBand& band,
                       double seconds, std::uint64_t seed) {
  Result<LineNoise<Sample>> noise = LineNoise<Sample>::create(scenario, band, seed);
  if (!noise) return Error{noise.error()};
  const auto samples = std::max(kWindow, static_cast<std::size_t>(seconds * band.sample_rate_hz));
  std::vector<double> turns(samples);
  MainsPhase(scenario.mains, band.sample_rate_hz, seed).next(Span<double>(turns));
  std::vector<Sample> unused(samples);
  noise->add(turns, Span<Sample>(unused), 1);
  // W(f) by averaged windows; |x|^2 = 1 is N0 times the chip rate.
  Fft fft(kWindow, Fft::Direction::kForward);
  std::vector<double> waves(kWindow);
  double windows = 0;
  for (std::size_t at = 0; at + kWindow <= samples; at += kWindow / 2, ++windows) {
    for (std::size_t i = 0; i < kWindow; ++i) {
      const double fade = 0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / kWindow);
      fft.input()[i] = static_cast<float>(fade) * noise->wave()[at + i];
    }
    fft.execute();
    for (std::size_t k = 0; k < kWindow; ++k) waves[k] += static_cast<double>(std::norm(fft.output()[k]));
  }
  const double scale =
      band.chip_rate_hz / band.sample_rate_hz / (0.375 * static_cast<double>(kWindow)) / windows;
  std::vector<double> energy, background, all;
  for (std::size_t k = 0; k < kWindow; ++k) {
    const double at = static_cast<double>(k) / kWindow;
    const double hz = band.center_hz + (at < 0.5 || band.real ? at : at - 1) * band.sample_rate_hz;
    const double e = energy_at((hz - band.carrier_hz) / band.chip_rate_hz, profile.rolloff);
    if (e == 0) continue;
    energy.push_back(e);
    background.push_back(noise->background(hz));
    all.push_back(background.back() + waves[k] * scale);
  }
  std::vector<float> variance;
  for (std::size_t i = 0; i < samples; i += kVarianceStep) variance.push_back(noise->variance()[i]);
  return IdealLoss{-to_db(mean_inverse(background, energy, variance)),
                   -to_db(mean_inverse(all, energy, variance))};
}

}  // namespace

Genie::Genie(const Scenario& scenario, const Profile& profile, const NoiseBand& band)
    : scenario_(scenario), band_(band), rolloff_(profile.rolloff) {
  scenario_.carriers.clear();
  scenario_.combs.clear();
  scenario_.ringing.clear();
  // White noise of density 1 behind 1/sqrt(S), against what is there of S.
  double white = 0, even = 0;
  for (int i = 0; i < kSpectrumPoints; ++i) {
    const double turns = (1 + rolloff_) * ((i + 0.5) / kSpectrumPoints - 0.5);
    const double energy = energy_at(turns, rolloff_);
    white += energy / spectrum(turns);
    even += energy;
  }
  excess_ = white / even;
}

double Genie::spectrum(double turns) const {
  return Colour(scenario_.background, band_).density(band_.carrier_hz + turns * band_.chip_rate_hz);
}

Result<IdealLoss> ideal_loss(const Scenario& scenario, const Profile& profile, const NoiseBand& band,
                             double seconds, std::uint64_t seed) {
  if (!scenario.segments.empty()) return Error{"ideal loss: expected a scenario whose noise stays"};
  if (!(seconds >= 0.5 && seconds <= 100)) return Error{"ideal loss: expected 0.5 to 100 s of noise"};
  return band.real ? loss<float>(scenario, profile, band, seconds, seed)
                   : loss<cf32>(scenario, profile, band, seconds, seed);
}

}  // namespace ngdsp
