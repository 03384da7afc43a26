#include "ngdsp/eval/noise_survey.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"
#include "ngdsp/waveform/frame_energy.h"

namespace ngdsp {
namespace {

constexpr double kBandDb = 40;            // below its highest the floor has left the band of a filter
constexpr double kNarrowShare = 0.5;      // of the power in lines
constexpr double kImpulsiveKurtosis = 4;  // twice that of Gaussian noise
constexpr double kImpulsiveRateHz = 0.2;
constexpr double kCyclicDb = 1;
constexpr double kColouredDb = 3;
constexpr double kOccupiedDb = 3;
constexpr double kMainsEndHz = 1e6;  // nobody sends the mains profiles above
constexpr double kRhythmS = 60;      // the mains wanders over longer ones
constexpr double kRhythmStepS = 1e-3;

double quantile(std::vector<double> values, double part) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

/// Bins that belong to the residual, and the band they span.
std::vector<bool> residual_bins(NoiseSurvey& s, const SurveyConfig& config) {
  const RecordedSpectrum& x = s.spectrum;
  std::vector<bool> used(x.floor.size());
  const double least = *std::max_element(x.floor.begin(), x.floor.end()) * from_db(-kBandDb);
  for (std::size_t k = 0; k < used.size(); ++k) {
    const double hz = x.frequency_hz(k);
    used[k] = x.floor[k] > 0 && (config.band_hz ? hz >= config.band_hz->first && hz <= config.band_hz->second
                                                : x.floor[k] >= least);
  }
  // Zero frequency belongs to nobody: offsets of converters.
  if (x.first_hz == 0) std::fill(used.begin(), used.begin() + 4, false);
  if (std::find(used.begin(), used.end(), true) == used.end()) return used;
  const auto first = std::find(used.begin(), used.end(), true);
  const auto last = std::find(used.rbegin(), used.rend(), true);
  s.band_low_hz = x.frequency_hz(static_cast<std::size_t>(first - used.begin()));
  s.band_high_hz = x.frequency_hz(static_cast<std::size_t>(used.rend() - last - 1));
  for (const SpectralLine& l : x.lines) {
    // A Hann window's side lobes fall by 18 dB an octave from -31 dB at 3 bins.
    const auto half = static_cast<std::size_t>(std::clamp(3 * std::exp2((l.excess_db - 31) / 18), 3.0, 16.0));
    for (std::size_t i = l.bin >= half ? l.bin - half : 0; i < std::min(used.size(), l.bin + half + 1); ++i)
      used[i] = false;
  }
  return used;
}

/// The samples through a filter with 1/sqrt(floor) at the bins used and nothing elsewhere: half overlapping
/// Hann windows that sum to 1.
std::vector<cf32> whiten(Span<const cf32> x, bool real, const RecordedSpectrum& spectrum,
                         const std::vector<bool>& used) {
  const std::size_t n = real ? 2 * (used.size() - 1) : used.size();
  std::vector<float> gain(n, 0), window(n);
  for (std::size_t k = 0; k < used.size(); ++k) {
    if (used[k])
      gain[real ? k : (k + n / 2) % n] =
          static_cast<float>(1 / std::sqrt(spectrum.floor[k]) / static_cast<double>(n));
  }
  for (std::size_t i = 0; i < n; ++i)
    window[i] =
        static_cast<float>(0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / static_cast<double>(n)));
  Fft forward(n, Fft::Direction::kForward), inverse(n, Fft::Direction::kInverse);
  std::vector<cf32> out(x.size());
  for (std::size_t at = 0; at + n <= x.size(); at += n / 2) {
    for (std::size_t i = 0; i < n; ++i) forward.input()[i] = window[i] * x[at + i];
    forward.execute();
    for (std::size_t k = 0; k < n; ++k) inverse.input()[k] = gain[k] * forward.output()[k];
    inverse.execute();
    for (std::size_t i = 0; i < n; ++i) out[at + i] += inverse.output()[i];
  }
  // The first and last half windows fade in and out.
  const std::size_t whole = x.size() / (n / 2) * (n / 2);
  out.resize(whole - n / 2);
  out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n / 2));
  return out;
}

/// Powers of the residual, mean 1. Scale is nothing: all that follows is relative.
std::vector<float> powers(const std::vector<cf32>& residual) {
  std::vector<float> p(residual.size());
  double sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) sum += static_cast<double>(p[i] = std::norm(residual[i]));
  if (sum > 0) {
    const auto scale = static_cast<float>(static_cast<double>(p.size()) / sum);
    for (float& v : p) v *= scale;
  }
  return p;
}

std::vector<float> means(const std::vector<float>& p, std::size_t length) {
  std::vector<float> out;
  for (std::size_t at = 0; at + length <= p.size(); at += length) {
    double sum = 0;
    for (std::size_t i = 0; i < length; ++i) sum += static_cast<double>(p[at + i]);
    out.push_back(static_cast<float>(sum / static_cast<double>(length)));
  }
  return out;
}

void measure_kurtosis(const std::vector<float>& p, double rate_hz, NoiseSurvey& s) {
  double fourth = 0;
  for (const float v : p) fourth += static_cast<double>(v) * static_cast<double>(v);
  s.kurtosis = fourth / static_cast<double>(p.size());
  // For exponential p of mean 1: var(p^2 - 4 p) = 20 - 32 + 16 over the number of independent values.
  s.kurtosis_error = 2 / std::sqrt(std::max(1.0, static_cast<double>(p.size()) / rate_hz * s.bandwidth_hz));
}

/// Gaussian noise exceeds t times its power with e^-t, and `bandwidth_hz` values a second are independent.
void count_impulses(const std::vector<float>& p, double rate_hz, NoiseSurvey& s) {
  std::vector<double> copy(p.begin(), p.end());
  const double background = quantile(copy, 0.5) / std::log(2.0);
  const double threshold = std::log(std::max(10.0, s.bandwidth_hz / kFalseImpulsesPerS));
  s.impulse_threshold_db = to_db(threshold);
  const auto gap = static_cast<std::size_t>(std::ceil(4 * rate_hz / s.bandwidth_hz));  // closer ones are one
  std::vector<double> widths, peaks;
  double inside = 0, all = 0;
  for (const float v : p) all += static_cast<double>(v);
  for (std::size_t i = 0; i < p.size();) {
    if (static_cast<double>(p[i]) <= threshold * background) {
      ++i;
      continue;
    }
    std::size_t last = i;
    double peak = 0, power = 0;
    for (std::size_t k = i; k < p.size() && k <= last + gap; ++k) {
      const auto v = static_cast<double>(p[k]);
      if (v > threshold * background) last = k;
      peak = std::max(peak, v);
      power += v;
    }
    widths.push_back(static_cast<double>(last - i + 1) / rate_hz);
    peaks.push_back(to_db(peak / background));
    inside += power;
    i = last + gap + 1;
  }
  s.impulses_per_s = static_cast<double>(widths.size()) * rate_hz / static_cast<double>(p.size());
  s.impulse_power_share = all > 0 ? std::min(1.0, inside / all) : 0;
  if (!widths.empty()) {
    s.impulse_width_s = quantile(widths, 0.5);
    s.impulse_peak_db = quantile(peaks, 0.5);
  }
}

void measure_occupancy(const std::vector<float>& p, double rate_hz, NoiseSurvey& s) {
  s.interval_s = std::max(0.01, 100 / s.bandwidth_hz);
  const auto length = std::max<std::size_t>(1, static_cast<std::size_t>(s.interval_s * rate_hz));
  const std::vector<float> x = means(p, length);
  if (x.empty()) return;
  const double middle = quantile({x.begin(), x.end()}, 0.5);
  double above = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    above += static_cast<double>(x[i]) > middle * from_db(kOccupiedDb) ? 1 : 0;
    s.power.emplace_back(static_cast<double>(i) * s.interval_s, x[i]);
  }
  s.occupied_time = above / static_cast<double>(x.size());
}

void measure_exceedance(std::vector<float> p, NoiseSurvey& s) {
  std::sort(p.begin(), p.end());
  const auto count = static_cast<double>(p.size());
  std::vector<double> shares = {0.999, 0.99, 0.97, 0.95, 0.9};
  for (double share = 0.8; share * count >= 1 && share >= 1e-6; share *= 0.8) shares.push_back(share);
  for (const double share : shares)
    s.exceeded.emplace_back(p[std::min(p.size() - 1, static_cast<std::size_t>((1 - share) * count))], share);
}

void measure_levels(Span<const cf32> x, NoiseSurvey& s) {
  double sum = 0;
  float peak = 0;
  for (const cf32 v : x) {
    sum += static_cast<double>(std::norm(v));
    peak = std::max({peak, std::abs(v.real()), std::abs(v.imag())});
  }
  std::size_t at_peak = 0;
  for (const cf32 v : x) at_peak += std::max(std::abs(v.real()), std::abs(v.imag())) >= peak ? 1 : 0;
  s.rms_dbfs = to_db(sum / static_cast<double>(x.size()));
  s.peak_dbfs = 2 * to_db(static_cast<double>(peak));
  s.clipped = at_peak > 1 ? static_cast<double>(at_peak) / static_cast<double>(x.size()) : 0;
}

void measure_shape(const std::vector<bool>& used, NoiseSurvey& s) {
  const RecordedSpectrum& x = s.spectrum;
  std::vector<double> floor;
  double total = 0, lines = 0;
  for (std::size_t k = 0; k < used.size(); ++k) {
    if (used[k]) floor.push_back(x.floor[k]);
    if (x.frequency_hz(k) >= s.band_low_hz && x.frequency_hz(k) <= s.band_high_hz)
      total += x.mean[k] * x.bin_hz;
  }
  for (const SpectralLine& l : x.lines) {
    if (l.frequency_hz >= s.band_low_hz && l.frequency_hz <= s.band_high_hz) lines += from_db(l.level_dbfs);
  }
  s.line_share = total > 0 ? std::min(1.0, lines / total) : 0;
  if (!floor.empty()) s.floor_spread_db = to_db(quantile(floor, 0.9) / quantile(floor, 0.1));
}

void classify(NoiseSurvey& s) {
  const auto trait = [&s](const char* name, bool holds) {
    if (holds) s.traits.emplace_back(name);
  };
  trait("narrow-band", s.line_share > kNarrowShare);
  trait("impulsive",
        s.kurtosis > kImpulsiveKurtosis + 5 * s.kurtosis_error && s.impulses_per_s > kImpulsiveRateHz);
  trait("cyclostationary", s.mains.locked && s.mains.depth_db > kCyclicDb);
  trait("coloured", s.floor_spread_db > kColouredDb);
  if (s.traits.empty()) s.traits.emplace_back("white");
  s.noise_class = s.traits.front();
}

/// E_b/N0 for 1 % of the frames lost in white noise, docs/performance.md; radio profiles 0.5 dB above.
std::optional<double> threshold_ebn0_db(const Profile& p, int payload_bytes) {
  const double radio_db = p.real ? 0 : 0.5;
  if (payload_bytes == 16) return 1.6 + radio_db;
  if (payload_bytes == 32) return 1.0 + radio_db;
  if (payload_bytes == 64) return 0.8 + radio_db;
  return std::nullopt;
}

/// Whether a band lies in the recording and no filter has cut into it.
bool holds(const NoiseSurvey& s, double low_hz, double high_hz) {
  const RecordedSpectrum& x = s.spectrum;
  if (low_hz < s.band_low_hz || high_hz > s.band_high_hz) return false;
  const double least = *std::max_element(x.floor.begin(), x.floor.end()) * from_db(-kBandDb);
  for (std::size_t k = 0; k < x.floor.size(); ++k) {
    const double hz = x.frequency_hz(k);
    if (hz >= low_hz && hz <= high_hz && x.floor[k] < least) return false;
  }
  return true;
}

double mean_between(const RecordedSpectrum& s, const std::vector<double>& density, double low_hz,
                    double high_hz) {
  double sum = 0, count = 0;
  for (std::size_t k = 0; k < density.size(); ++k) {
    if (s.frequency_hz(k) < low_hz || s.frequency_hz(k) > high_hz) continue;
    sum += density[k];
    ++count;
  }
  return count > 0 ? sum / count : 0;
}

}  // namespace

Result<NoiseSurvey> survey_noise(Span<const cf32> samples, const SurveyConfig& config) {
  const double sample_rate_hz = config.sample_rate_hz;
  const bool real = config.real;
  double sum = 0;
  for (const cf32 v : samples) sum += static_cast<double>(std::norm(v));
  if (!std::isfinite(sum)) return Error{"samples that are no numbers"};
  NoiseSurvey s;
  s.seconds = static_cast<double>(samples.size()) / sample_rate_hz;
  s.spectrum = measure_spectrum(samples, real, sample_rate_hz, config.center_hz);
  if (s.spectrum.mean.empty())
    return Error{"the recording has " + std::to_string(samples.size()) + " samples, expected at least 1024"};
  if (!(*std::max_element(s.spectrum.floor.begin(), s.spectrum.floor.end()) > 0))
    return Error{"the recording is silent, expected noise"};
  measure_levels(samples, s);
  const std::vector<bool> used = residual_bins(s, config);
  const auto bins = static_cast<double>(std::count(used.begin(), used.end(), true));
  if (bins < 8)
    return Error{"the band holds nothing but lines, or less than 8 bins of " +
                 std::to_string(s.spectrum.bin_hz) + " Hz"};
  s.bandwidth_hz = bins * s.spectrum.bin_hz;
  measure_shape(used, s);
  const std::vector<float> p = powers(whiten(samples, real, s.spectrum, used));
  measure_kurtosis(p, sample_rate_hz, s);
  count_impulses(p, sample_rate_hz, s);
  measure_occupancy(p, sample_rate_hz, s);
  const auto step = std::max<std::size_t>(1, static_cast<std::size_t>(kRhythmStepS * sample_rate_hz));
  std::vector<float> rhythm = means(p, step);
  const double step_s = static_cast<double>(step) / sample_rate_hz;
  rhythm.resize(std::min(rhythm.size(), static_cast<std::size_t>(kRhythmS / step_s)));
  if (step_s <= kRhythmStepS) s.mains = find_mains_rhythm(Span<const float>(rhythm), step_s);
  measure_exceedance(p, s);
  classify(s);
  return s;
}

std::vector<LinkNeed> link_needs(const NoiseSurvey& s) {
  std::vector<LinkNeed> needs;
  for (const Profile& p : shipped_profiles()) {
    const double half = p.chip_rate_hz * (1 + p.rolloff) / 2;
    LinkNeed need;
    need.profile = p.name;
    need.carrier_hz = p.carrier_hz;
    const auto held = [&](double carrier_hz) { return holds(s, carrier_hz - half, carrier_hz + half); };
    if (!held(need.carrier_hz) && p.name == "cenelec-a-low" && s.band_high_hz < kMainsEndHz) {
      need.carrier_hz = (s.band_low_hz + s.band_high_hz) / 2;
      need.moved = true;
    }
    if (!held(need.carrier_hz)) continue;
    const double low_hz = need.carrier_hz - half, high_hz = need.carrier_hz + half;
    need.noise_dbfs_hz = to_db(mean_between(s.spectrum, s.spectrum.mean, low_hz, high_hz) + 1e-30);
    need.floor_dbfs_hz = to_db(mean_between(s.spectrum, s.spectrum.floor, low_hz, high_hz) + 1e-30);
    for (const PayloadClass& c : p.classes) {
      const auto threshold = threshold_ebn0_db(p, c.payload_bytes);
      if (!threshold) continue;
      need.payload_bytes = c.payload_bytes;
      need.threshold_ebn0_db = *threshold;
      // Power = E_c R_c, and E_c/N0 follows from E_b/N0.
      const double over_noise = to_db(chip_ec_n0_from_ebn0_db(p, c, *threshold) * p.chip_rate_hz);
      need.needed_dbfs = need.noise_dbfs_hz + over_noise;
      need.needed_floor_dbfs = need.floor_dbfs_hz + over_noise;
      needs.push_back(need);
    }
  }
  return needs;
}

}  // namespace ngdsp
