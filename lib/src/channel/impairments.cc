#include "ngdsp/channel/impairments.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"

namespace ngdsp {
namespace {

constexpr int kHalf = 48;  // taps either side
constexpr int kPhases = 1024;
constexpr double kBeta = 6.0;  // Kaiser window, about 60 dB

double bessel_i0(double x) {
  double sum = 1, term = 1;
  for (int k = 1; k < 40; ++k) {
    term *= (x / (2.0 * k)) * (x / (2.0 * k));
    sum += term;
  }
  return sum;
}

const std::vector<double>& sinc_table() {
  static const std::vector<double> table = [] {
    std::vector<double> t(static_cast<std::size_t>((kPhases + 1) * 2 * kHalf));
    for (int f = 0; f <= kPhases; ++f)
      for (int i = 0; i < 2 * kHalf; ++i) {
        const double d = static_cast<double>(f) / kPhases + kHalf - 1 - i;
        const double w = 1.0 - (d / kHalf) * (d / kHalf);
        t[static_cast<std::size_t>(f * 2 * kHalf + i)] =
            w <= 0 ? 0.0
                   : (std::abs(d) < 1e-12 ? 1.0 : std::sin(kPi * d) / (kPi * d)) *
                         bessel_i0(kBeta * std::sqrt(w)) / bessel_i0(kBeta);
      }
    return t;
  }();
  return table;
}

template <typename Sample>
std::vector<Sample> resample_any(Span<const Sample> x, double t0, double ppm) {
  const auto& table = sinc_table();
  const auto n = static_cast<std::ptrdiff_t>(x.size());
  std::vector<Sample> y(x.size());
  for (std::ptrdiff_t k = 0; k < n; ++k) {
    const double t = t0 + static_cast<double>(k) * (1.0 + ppm * 1e-6);
    const double whole = std::floor(t), phase = (t - whole) * kPhases;
    const auto f = std::min(static_cast<int>(phase), kPhases - 1);
    const double mu = phase - f;
    const auto base = static_cast<std::ptrdiff_t>(whole) - (kHalf - 1);
    const double* row = table.data() + f * 2 * kHalf;
    Sample sum{};
    const auto low = std::max<std::ptrdiff_t>(0, -base), high = std::min<std::ptrdiff_t>(2 * kHalf, n - base);
    for (std::ptrdiff_t i = low; i < high; ++i) {
      const double w = row[i] + mu * (row[i + 2 * kHalf] - row[i]);
      sum += x[static_cast<std::size_t>(base + i)] * static_cast<float>(w);
    }
    y[static_cast<std::size_t>(k)] = sum;
  }
  return y;
}

template <typename Sample>
void add_recording_any(Span<Sample> x, Span<const Sample> noise, double gain, std::size_t offset) {
  if (noise.empty()) return;
  std::size_t j = offset % noise.size();
  for (Sample& s : x) {
    s += noise[j] * static_cast<float>(gain);
    if (++j == noise.size()) j = 0;
  }
}

template <typename Sample>
void add_impulses_any(Span<Sample> x, double rate_hz, double width_s, double sigma, double fs, Rng& rng) {
  if (rate_hz <= 0) return;
  const auto width = std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(width_s * fs)));
  for (double t = 0;;) {
    t += -std::log(1.0 - rng.uniform()) / rate_hz * fs;
    if (t >= static_cast<double>(x.size())) return;
    const auto first = static_cast<std::size_t>(t);
    const std::size_t count = std::min(width, x.size() - first);
    if constexpr (std::is_same_v<Sample, float>)
      rng.add_noise(x.subspan(first, count), sigma);
    else
      rng.add_noise(x.subspan(first, count), sigma * sigma);
  }
}

}  // namespace

std::vector<float> hilbert(Span<const float> x) {
  // 2/(pi d) at odd distances d, nothing at even ones.
  constexpr int kTaps = kHalf / 2;
  float taps[kTaps];
  for (int i = 0; i < kTaps; ++i) {
    const double d = 2 * i + 1, w = 1.0 - (d / kHalf) * (d / kHalf);
    taps[i] = static_cast<float>(2 / (kPi * d) * bessel_i0(kBeta * std::sqrt(w)) / bessel_i0(kBeta));
  }
  std::vector<float> padded(kHalf);
  padded.insert(padded.end(), x.begin(), x.end());
  padded.resize(padded.size() + kHalf);
  std::vector<float> y(x.size());
  for (std::size_t k = 0; k < y.size(); ++k) {
    const float* at = padded.data() + kHalf + k;
    for (int i = 0; i < kTaps; ++i) y[k] += taps[i] * (at[-(2 * i + 1)] - at[2 * i + 1]);
  }
  return y;
}

std::vector<float> resample(Span<const float> x, double t0, double ppm) { return resample_any(x, t0, ppm); }
std::vector<cf32> resample(Span<const cf32> x, double t0, double ppm) { return resample_any(x, t0, ppm); }

void shift_carrier(Span<cf32> x, double offset_hz, double fs) {
  for (std::size_t k = 0; k < x.size(); ++k) {
    const double turns = offset_hz / fs * static_cast<double>(k);
    const double angle = 2.0 * kPi * (turns - std::floor(turns));
    x[k] *= cf32(static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)));
  }
}

void add_recording(Span<float> x, Span<const float> noise, double gain, std::size_t offset) {
  add_recording_any(x, noise, gain, offset);
}
void add_recording(Span<cf32> x, Span<const cf32> noise, double gain, std::size_t offset) {
  add_recording_any(x, noise, gain, offset);
}
void add_impulses(Span<float> x, double rate_hz, double width_s, double sigma, double fs, Rng& rng) {
  add_impulses_any(x, rate_hz, width_s, sigma, fs, rng);
}
void add_impulses(Span<cf32> x, double rate_hz, double width_s, double sigma, double fs, Rng& rng) {
  add_impulses_any(x, rate_hz, width_s, sigma, fs, rng);
}
void clip(Span<float> x, float limit) {
  for (float& s : x) s = std::clamp(s, -limit, limit);
}
void clip(Span<cf32> x, float limit) {
  for (cf32& s : x) s = {std::clamp(s.real(), -limit, limit), std::clamp(s.imag(), -limit, limit)};
}

}  // namespace ngdsp
