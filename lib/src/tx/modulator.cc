#include "ngdsp/tx/modulator.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr int kSpan = 16;  // chips either side; what lies outside is 50 dB down at rolloff 1/6
constexpr int kTaps = 2 * kSpan;
constexpr int kPhases = 256;  // linear interpolation between them errs by -90 dB

constexpr std::size_t kBlockChips = 32;
constexpr std::size_t kBlockSamples = 128;  // where a chip is no whole number of samples
constexpr double kMostPhases = 128;         // samples a chip; more gain nothing
constexpr double kMostDriftPpm = 200;       // clock offset over which taps may change in a straight line

// Sixteen floats; the compiler makes of it what the instruction set has.
using Vector = float __attribute__((vector_size(64)));
constexpr std::size_t kLanes = sizeof(Vector) / sizeof(float);
constexpr std::size_t kVectors = kBlockChips / kLanes;

inline __attribute__((always_inline)) void load(const float* from, Vector& x) {
  std::memcpy(&x, from, sizeof x);
}

// The 32 chips around time tau and the pulse's taps there: row + mu (next row - row).
struct Place {
  std::ptrdiff_t chip;
  const float* row;
  float mu;
};

inline __attribute__((always_inline)) Place place(double tau, const float* table) {
  const double whole = std::floor(tau), x = (tau - whole) * kPhases;
  const int f = std::min(static_cast<int>(x), kPhases - 1);
  // Chip i of the window is floor(tau) - (kSpan - 1) + i; kTaps chips of silence come first.
  return {static_cast<std::ptrdiff_t>(whole) - (kSpan - 1) + kTaps, table + f * kTaps,
          static_cast<float>(x - f)};
}

// What is rendered: chips with silence around them, at `step` chips a sample.
struct Train {
  const float *re, *im, *table;
  double step;
};

// y[i] = the shaped chips at (at + i) step, any step: a sample at a time, vectorised over the taps.
NGDSP_MULTIVERSION void shape_samples(const Train& train, double at, std::size_t count, float* y_re,
                                      float* y_im) {
  for (std::size_t k = 0; k < count; ++k) {
    const Place p = place((at + static_cast<double>(k)) * train.step, train.table);
    const float *re = train.re + p.chip, *im = train.im + p.chip, *next = p.row + kTaps;
    float a = 0, b = 0;
    for (int i = 0; i < kTaps; ++i) {
      const float tap = p.row[i] + p.mu * (next[i] - p.row[i]);
      a += re[i] * tap;
      b += im[i] * tap;
    }
    y_re[k] = a;
    y_im[k] = b;
  }
}

// The same for kBlockChips chips of `phases` samples each: samples a chip apart lie at nearly the same
// fraction of a chip, so that a phase is one filter run over the chips. A clock offset moves the fraction
// within a block, by h = 0.0031 chips at 100 ppm: there the taps change in a straight line, which errs by at
// most h^2/8 of the pulse's second derivative, about as much as the table. False, and nothing useful in y,
// when a phase comes past a whole chip within the block: from there its window is another.
NGDSP_MULTIVERSION bool shape_chips(const Train& train, double at, std::size_t phases, float* y_re,
                                    float* y_im) {
  Vector lane[kVectors];
  for (std::size_t v = 0; v < kVectors; ++v)
    for (std::size_t l = 0; l < kLanes; ++l) lane[v][l] = static_cast<float>(v * kLanes + l);
  constexpr std::size_t kLast = kBlockChips - 1;
  for (std::size_t j = 0; j < phases; ++j) {
    const Place first = place((at + static_cast<double>(j)) * train.step, train.table);
    const Place last = place((at + static_cast<double>(j + kLast * phases)) * train.step, train.table);
    if (last.chip - first.chip != kLast) return false;
    float tap[kTaps], drift[kTaps];
    for (int i = 0; i < kTaps; ++i) {
      const float begin = first.row[i] + first.mu * (first.row[i + kTaps] - first.row[i]);
      const float end = last.row[i] + last.mu * (last.row[i + kTaps] - last.row[i]);
      tap[i] = begin;
      drift[i] = (end - begin) / static_cast<float>(kLast);
    }
    const float *re = train.re + first.chip, *im = train.im + first.chip;
    Vector sum_re[kVectors] = {}, sum_im[kVectors] = {};
    for (int i = 0; i < kTaps; ++i) {
      for (std::size_t v = 0; v < kVectors; ++v) {
        const Vector taps = tap[i] + lane[v] * drift[i];
        Vector x_re, x_im;
        load(re + i + v * kLanes, x_re);
        load(im + i + v * kLanes, x_im);
        sum_re[v] += x_re * taps;
        sum_im[v] += x_im * taps;
      }
    }
    for (std::size_t n = 0; n < kBlockChips; ++n) {
      y_re[n * phases + j] = sum_re[n / kLanes][n % kLanes];
      y_im[n * phases + j] = sum_im[n / kLanes][n % kLanes];
    }
  }
  return true;
}

// out[k] += y[k] w turn[k], or its real part.
NGDSP_MULTIVERSION void turn_and_add(const float* y_re, const float* y_im, const float* turn_re,
                                     const float* turn_im, cf32 w, Span<float> out) {
  const float w_re = w.real(), w_im = w.imag();
  for (std::size_t k = 0; k < out.size(); ++k) {
    const float c = turn_re[k] * w_re - turn_im[k] * w_im, s = turn_re[k] * w_im + turn_im[k] * w_re;
    out[k] += y_re[k] * c - y_im[k] * s;
  }
}

NGDSP_MULTIVERSION void turn_and_add(const float* y_re, const float* y_im, const float* turn_re,
                                     const float* turn_im, cf32 w, Span<cf32> out) {
  const float w_re = w.real(), w_im = w.imag();
  float* x = reinterpret_cast<float*>(out.data());
  for (std::size_t k = 0; k < out.size(); ++k) {
    const float c = turn_re[k] * w_re - turn_im[k] * w_im, s = turn_re[k] * w_im + turn_im[k] * w_re;
    x[2 * k] += y_re[k] * c - y_im[k] * s;
    x[2 * k + 1] += y_re[k] * s + y_im[k] * c;
  }
}

std::size_t whole_samples_per_chip(double samples_per_chip) {
  const double whole = std::round(samples_per_chip);
  const bool is_whole = std::abs(samples_per_chip - whole) < 1e-9 * whole && whole <= kMostPhases;
  return is_whole ? static_cast<std::size_t>(whole) : 0;
}

}  // namespace

Modulator::Modulator(const Profile& p, double sample_rate_hz)
    : sample_rate_hz_(sample_rate_hz > 0 ? sample_rate_hz : p.sample_rate_hz),
      chip_rate_hz_(p.chip_rate_hz),
      carrier_hz_(p.carrier_hz - p.center_hz),
      phases_(whole_samples_per_chip(sample_rate_hz_ / p.chip_rate_hz)),
      table_(static_cast<std::size_t>((kPhases + 1) * kTaps)) {
  // Row f: pulse at distance f/kPhases + kSpan - 1 - i chips from chip i of the 32.
  for (int f = 0; f <= kPhases; ++f)
    for (int i = 0; i < kTaps; ++i)
      table_[static_cast<std::size_t>(f * kTaps + i)] =
          static_cast<float>(rrc_pulse(static_cast<double>(f) / kPhases + kSpan - 1 - i, p.rolloff));
}

int Modulator::lead_samples() const {
  return static_cast<int>(std::ceil(kSpan * sample_rate_hz_ / chip_rate_hz_));
}

int Modulator::tail_samples(std::size_t chips) const {
  return static_cast<int>(std::ceil((static_cast<double>(chips) + kSpan) * sample_rate_hz_ / chip_rate_hz_));
}

template <typename Sample>
void Modulator::render(Span<const cf32> chips, const Arrival& a, Span<Sample> out) const {
  const auto n = static_cast<std::ptrdiff_t>(chips.size());
  std::vector<float> re(static_cast<std::size_t>(n + 2 * kTaps)), im(re.size());
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    re[static_cast<std::size_t>(i + kTaps)] = chips[static_cast<std::size_t>(i)].real();
    im[static_cast<std::size_t>(i + kTaps)] = chips[static_cast<std::size_t>(i)].imag();
  }
  const double step = chip_rate_hz_ * (1.0 + a.clock_ppm * 1e-6) / sample_rate_hz_;  // chips a sample
  const double turn = 2.0 * kPi * (carrier_hz_ + a.carrier_offset_hz) / sample_rate_hz_;
  const auto first = std::max<std::ptrdiff_t>(
      0, static_cast<std::ptrdiff_t>(std::ceil(a.start_samples - (kSpan - 1) / step)));
  const auto last = std::min<std::ptrdiff_t>(
      static_cast<std::ptrdiff_t>(out.size()),
      static_cast<std::ptrdiff_t>(std::floor(a.start_samples + static_cast<double>(n + kSpan - 1) / step)));
  const std::size_t block = phases_ > 0 ? phases_ * kBlockChips : kBlockSamples;
  std::vector<float> y_re(block), y_im(block), turn_re(block), turn_im(block);
  for (std::size_t k = 0; k < block; ++k) {
    turn_re[k] = static_cast<float>(std::cos(turn * static_cast<double>(k)));
    turn_im[k] = static_cast<float>(std::sin(turn * static_cast<double>(k)));
  }
  const bool by_chips = phases_ > 0 && std::abs(a.clock_ppm) <= kMostDriftPpm;
  const Train train{re.data(), im.data(), table_.data(), step};
  const double scale = a.amplitude * (std::is_same_v<Sample, float> ? std::sqrt(2.0) : 1.0);
  for (std::ptrdiff_t k = first; k < last; k += static_cast<std::ptrdiff_t>(block)) {
    const std::size_t count = std::min(block, static_cast<std::size_t>(last - k));
    const double at = static_cast<double>(k) - a.start_samples;
    if (!by_chips || count < block || !shape_chips(train, at, phases_, y_re.data(), y_im.data()))
      shape_samples(train, at, count, y_re.data(), y_im.data());
    turn_and_add(y_re.data(), y_im.data(), turn_re.data(), turn_im.data(),
                 cf32(std::polar(scale, turn * at + a.phase_rad)),
                 out.subspan(static_cast<std::size_t>(k), count));
  }
}

void Modulator::add(Span<const cf32> chips, const Arrival& arrival, Span<float> out) const {
  render(chips, arrival, out);
}
void Modulator::add(Span<const cf32> chips, const Arrival& arrival, Span<cf32> out) const {
  render(chips, arrival, out);
}

}  // namespace ngdsp
