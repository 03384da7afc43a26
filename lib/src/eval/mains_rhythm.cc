#include "ngdsp/eval/mains_rhythm.h"

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"

namespace ngdsp {
namespace {

constexpr double kShortestS = 0.5, kHarmonics = 8;
constexpr double kBands[][2] = {{49.5, 50.5}, {59.5, 60.5}};
constexpr double kDrawnToHz = 450;

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Power spectrum of the logarithm, on a grid twice as fine as it resolves, over a running floor.
struct LogSpectrum {
  double bin_hz = 0;
  std::vector<double> over_floor;

  double at(double hz) const {
    const auto k = static_cast<std::size_t>(std::lround(hz / bin_hz));
    return k < over_floor.size() ? over_floor[k] : 0;
  }
};

LogSpectrum log_spectrum(Span<const float> power, double step_s) {
  std::size_t n = 1;
  while (n < 2 * power.size()) n *= 2;
  std::vector<double> copy(power.begin(), power.end());
  const double least = 1e-3 * median_of(copy) + 1e-30;
  double mean = 0;
  for (double& p : copy) {
    p = std::log(p + least);
    mean += p / static_cast<double>(copy.size());
  }
  Fft fft(n, Fft::Direction::kForward);
  std::fill(fft.input(), fft.input() + n, cf32{});
  for (std::size_t i = 0; i < copy.size(); ++i) fft.input()[i] = static_cast<float>(copy[i] - mean);
  fft.execute();
  LogSpectrum s;
  s.bin_hz = 1 / (step_s * static_cast<double>(n));
  std::vector<double> raw(n / 2);
  for (std::size_t k = 0; k < raw.size(); ++k) raw[k] = static_cast<double>(std::norm(fft.output()[k]));
  // The floor over 3 Hz or more on both sides, in steps of a quarter of that.
  const auto half = static_cast<std::size_t>(std::max(32.0, 3 / s.bin_hz));
  s.over_floor.resize(raw.size());
  double floor = 1;
  for (std::size_t k = 0; k < raw.size(); ++k) {
    if (k % (half / 4) == 0) {
      const std::size_t low = k >= half ? k - half : 0, high = std::min(raw.size(), k + half);
      floor = median_of({raw.begin() + static_cast<std::ptrdiff_t>(low),
                         raw.begin() + static_cast<std::ptrdiff_t>(high)}) /
                  std::log(2.0) +
              1e-30;
    }
    s.over_floor[k] = raw[k] / floor;
  }
  return s;
}

/// The frequency in a range whose harmonics hold most, and how much.
std::pair<double, double> strongest(const LogSpectrum& spectrum, double low_hz, double high_hz) {
  std::pair<double, double> best = {low_hz, 0};
  for (double hz = low_hz; hz <= high_hz; hz += spectrum.bin_hz / kHarmonics) {
    double sum = 0;
    for (double h = 1; h <= kHarmonics; ++h) sum += spectrum.at(h * hz);
    if (sum > best.second) best = {hz, sum};
  }
  return best;
}

}  // namespace

MainsRhythm find_mains_rhythm(Span<const float> power, double step_s) {
  MainsRhythm r;
  const double duration_s = static_cast<double>(power.size()) * step_s;
  if (duration_s < kShortestS) return r;
  r.tested = true;
  const LogSpectrum spectrum = log_spectrum(power, step_s);
  double searched_hz = 0;
  for (const auto& band : kBands) {
    searched_hz += band[1] - band[0];
    const auto [hz, sum] = strongest(spectrum, band[0], band[1]);
    if (sum > r.statistic) r.statistic = sum, r.frequency_hz = hz;
  }
  std::vector<double> others;
  for (double hz = 40; hz < 70; ++hz) {
    const bool mains = std::any_of(std::begin(kBands), std::end(kBands), [hz](const auto& band) {
      return hz + 1 > band[0] - 0.5 && hz < band[1] + 0.5;
    });
    if (!mains) others.push_back(strongest(spectrum, hz, hz + 1).second);
  }
  std::sort(others.begin(), others.end());
  const double tries_a_hz = kHarmonics * 2 * duration_s;
  const auto exceeded_by_chance = [](double chance) {
    return boost::math::gamma_q_inv(kHarmonics, std::min(0.5, chance));
  };
  const double elsewhere = others[others.size() * 3 / 4];
  const double usual = exceeded_by_chance((1 - std::pow(0.75, 1 / tries_a_hz)));
  r.threshold =
      exceeded_by_chance(kFalseLocks / (searched_hz * tries_a_hz)) * std::max(1.0, elsewhere / usual);
  r.locked = r.statistic > r.threshold;

  std::vector<double> sum(kProfileBins, 0), count(kProfileBins, 0);
  double mean = 0;
  for (std::size_t i = 0; i < power.size(); ++i) {
    const double cycles = (static_cast<double>(i) + 0.5) * step_s * r.frequency_hz;
    const auto bin = static_cast<std::size_t>((cycles - std::floor(cycles)) * kProfileBins) % kProfileBins;
    sum[bin] += static_cast<double>(power[i]);
    ++count[bin];
    mean += static_cast<double>(power[i]) / static_cast<double>(power.size());
  }
  for (std::size_t b = 0; b < kProfileBins; ++b)
    r.profile.push_back(count[b] > 0 && mean > 0 ? sum[b] / count[b] / mean : 1.0);
  const auto [low, high] = std::minmax_element(r.profile.begin(), r.profile.end());
  r.depth_db = *low > 0 ? to_db(*high / *low) : 0;
  for (std::size_t k = 0;
       static_cast<double>(k) * spectrum.bin_hz < kDrawnToHz && k < spectrum.over_floor.size(); ++k)
    r.spectrum.emplace_back(static_cast<double>(k) * spectrum.bin_hz, spectrum.over_floor[k]);
  return r;
}

}  // namespace ngdsp
