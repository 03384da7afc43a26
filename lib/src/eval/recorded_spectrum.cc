#include "ngdsp/eval/recorded_spectrum.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/fft.h"

namespace ngdsp {
namespace {

constexpr std::size_t kShortest = 256, kLongest = 8192, kSegments = 64;
constexpr std::size_t kMostKept = 1023;  // segments the medians are taken of
constexpr std::size_t kLobe = 4;         // bins either side that a line fills
constexpr std::size_t kBeside = 16;      // bins on each side that tell the floor
constexpr double kFloorsError = 1.1;     // variance of a median of 16 bins: pi/2/16 of one bin's

std::vector<float> blackman_harris(std::size_t n) {
  std::vector<float> w(n);
  for (std::size_t i = 0; i < n; ++i) {
    const double x = 2 * kPi * static_cast<double>(i) / static_cast<double>(n);
    w[i] = static_cast<float>(0.35875 - 0.48829 * std::cos(x) + 0.14128 * std::cos(2 * x) -
                              0.01168 * std::cos(3 * x));
  }
  return w;
}

template <typename T>
T median_of(std::vector<T>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double median_between(const std::vector<double>& x, std::size_t first, std::size_t last) {
  std::vector<double> values(x.begin() + static_cast<std::ptrdiff_t>(first),
                             x.begin() + static_cast<std::ptrdiff_t>(last));
  return median_of(values);
}

/// How far the median over K segments may stand over the floor by chance.
double line_threshold(std::size_t segments, std::size_t bins) {
  const double half = (static_cast<double>(segments) / kFloorsError + 1) / 2;
  const double p = boost::math::ibeta_inv(half, half, kFalseLines / static_cast<double>(bins));
  return -std::log(p) / std::log(2.0);
}

/// The higher of the medians on both sides of a bin; of one where the spectrum ends.
double floor_beside(const std::vector<double>& x, std::size_t k) {
  double floor = 0;
  if (k >= kLobe + kBeside) floor = median_between(x, k - kLobe - kBeside, k - kLobe);
  if (k + kLobe + kBeside < x.size())
    floor = std::max(floor, median_between(x, k + kLobe + 1, k + kLobe + 1 + kBeside));
  return floor;
}

void find_lines(RecordedSpectrum& s) {
  const auto& x = s.median;
  const double threshold = line_threshold(std::min(s.segments, kMostKept), x.size());
  s.line_threshold_db = to_db(threshold);
  for (std::size_t k = 0; k < x.size(); ++k) {
    const std::size_t low = k >= kLobe ? k - kLobe : 0, high = std::min(x.size(), k + kLobe + 1);
    const auto begin = x.begin();
    if (std::max_element(begin + static_cast<std::ptrdiff_t>(low),
                         begin + static_cast<std::ptrdiff_t>(high)) != begin + static_cast<std::ptrdiff_t>(k))
      continue;
    const double floor = floor_beside(x, k);
    if (!(x[k] > threshold * floor)) continue;
    double power = 0, moment = 0;
    for (std::size_t i = low; i < high; ++i) {
      const double over = std::max(0.0, s.mean[i] - floor) * s.bin_hz;
      power += over;
      moment += over * static_cast<double>(i);
    }
    if (!(power > 0)) continue;
    s.lines.push_back(
        {s.first_hz + moment / power * s.bin_hz, to_db(power), floor > 0 ? to_db(x[k] / floor) : 200.0, k});
  }
}

/// Running median over +-8 bins that are no lines; where there are none, the level before.
void smooth_floor(RecordedSpectrum& s) {
  constexpr std::size_t kHalf = 8;
  std::vector<bool> line(s.median.size(), false);
  for (const SpectralLine& l : s.lines) {
    for (std::size_t i = l.bin >= kLobe ? l.bin - kLobe : 0; i < std::min(line.size(), l.bin + kLobe + 1);
         ++i)
      line[i] = true;
  }
  s.floor.assign(s.median.size(), 0);
  for (std::size_t k = 0; k < s.floor.size(); ++k) {
    std::vector<double> values;
    for (std::size_t i = k >= kHalf ? k - kHalf : 0; i < std::min(s.floor.size(), k + kHalf + 1); ++i) {
      if (!line[i]) values.push_back(s.median[i]);
    }
    s.floor[k] = values.empty() ? (k > 0 ? s.floor[k - 1] : s.median[k]) : median_of(values);
  }
}

}  // namespace

RecordedSpectrum measure_spectrum(Span<const cf32> samples, bool real, double sample_rate_hz,
                                  double center_hz) {
  RecordedSpectrum s;
  std::size_t n = kLongest;
  while (n > kShortest && 2 * samples.size() / n < kSegments + 1) n /= 2;
  if (samples.size() < 4 * n) return s;
  s.segments = 2 * samples.size() / n - 1;
  s.bin_hz = sample_rate_hz / static_cast<double>(n);
  s.first_hz = real ? 0 : center_hz - sample_rate_hz / 2;
  const std::size_t bins = real ? n / 2 + 1 : n;

  const std::vector<float> window = blackman_harris(n);
  double energy = 0;
  for (const float w : window) energy += static_cast<double>(w) * static_cast<double>(w);
  const double scale = (real ? 2 : 1) / (energy * sample_rate_hz);
  const std::size_t stride = (s.segments + kMostKept - 1) / kMostKept;
  std::vector<std::vector<float>> kept(bins);
  s.mean.assign(bins, 0);
  s.highest.assign(bins, 0);
  Fft fft(n, Fft::Direction::kForward);
  for (std::size_t m = 0; m < s.segments; ++m) {
    const cf32* x = samples.data() + m * n / 2;
    for (std::size_t i = 0; i < n; ++i) fft.input()[i] = window[i] * x[i];
    fft.execute();
    for (std::size_t k = 0; k < bins; ++k) {
      const float power = std::norm(fft.output()[real ? k : (k + n / 2) % n]);
      s.mean[k] += static_cast<double>(power);
      s.highest[k] = std::max(s.highest[k], static_cast<double>(power));
      if (m % stride == 0) kept[k].push_back(power);
    }
  }
  s.median.resize(bins);
  for (std::size_t k = 0; k < bins; ++k) {
    // Zero and half the sample rate of a real recording are counted once.
    const double here = real && (k == 0 || k + 1 == bins) ? scale / 2 : scale;
    s.mean[k] *= here / static_cast<double>(s.segments);
    s.highest[k] *= here;
    s.median[k] = static_cast<double>(median_of(kept[k])) * here / std::log(2.0);
  }
  find_lines(s);
  smooth_floor(s);
  return s;
}

}  // namespace ngdsp
