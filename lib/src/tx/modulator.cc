#include "ngdsp/tx/modulator.h"

#include <algorithm>
#include <cmath>

#include "ngdsp/base/db.h"
#include "ngdsp/base/multiversion.h"
#include "ngdsp/waveform/pulse.h"

namespace ngdsp {
namespace {

constexpr int kSpan = 16;  // chips either side; what lies outside is 50 dB down at rolloff 1/6
constexpr int kTaps = 2 * kSpan;
constexpr int kPhases = 256;  // linear interpolation between them errs by -90 dB

// sum_i c[i] (row0[i] + mu (row1[i] - row0[i])) over the 32 chips around one sample
NGDSP_MULTIVERSION void weigh(const float* re, const float* im, const float* row0, const float* row1,
                              float mu, float& out_re, float& out_im) {
  float a = 0, b = 0;
  for (int i = 0; i < kTaps; ++i) {
    const float p = row0[i] + mu * (row1[i] - row0[i]);
    a += re[i] * p;
    b += im[i] * p;
  }
  out_re = a;
  out_im = b;
}

inline void put(float& out, double re, double im, double c, double s) {
  out += static_cast<float>(std::sqrt(2.0) * (re * c - im * s));
}
inline void put(cf32& out, double re, double im, double c, double s) {
  out += cf32(static_cast<float>(re * c - im * s), static_cast<float>(re * s + im * c));
}

}  // namespace

Modulator::Modulator(const Profile& p, double sample_rate_hz)
    : sample_rate_hz_(sample_rate_hz > 0 ? sample_rate_hz : p.sample_rate_hz),
      chip_rate_hz_(p.chip_rate_hz),
      carrier_hz_(p.carrier_hz - p.center_hz),
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
  constexpr std::ptrdiff_t kRestart =
      1024;  // the rotation is set anew this often: rounding stays below 1e-12
  double c = 1, s = 0;
  const double turn_c = std::cos(turn), turn_s = std::sin(turn);
  for (std::ptrdiff_t k = first; k < last; ++k) {
    const double dt = static_cast<double>(k) - a.start_samples;
    if ((k - first) % kRestart == 0) {
      const double angle = turn * dt + a.phase_rad;
      c = std::cos(angle);
      s = std::sin(angle);
    }
    const double tau = dt * step, whole = std::floor(tau);
    const double x = (tau - whole) * kPhases;
    const auto f = std::min(static_cast<int>(x), kPhases - 1);
    // Chip i of the window is floor(tau) - (kSpan - 1) + i.
    const auto base = static_cast<std::ptrdiff_t>(whole) - (kSpan - 1) + kTaps;
    const float* row = table_.data() + f * kTaps;
    float yr, yi;
    weigh(re.data() + base, im.data() + base, row, row + kTaps, static_cast<float>(x - f), yr, yi);
    put(out[static_cast<std::size_t>(k)], a.amplitude * static_cast<double>(yr),
        a.amplitude * static_cast<double>(yi), c, s);
    const double next = c * turn_c - s * turn_s;
    s = s * turn_c + c * turn_s;
    c = next;
  }
}

void Modulator::add(Span<const cf32> chips, const Arrival& arrival, Span<float> out) const {
  render(chips, arrival, out);
}
void Modulator::add(Span<const cf32> chips, const Arrival& arrival, Span<cf32> out) const {
  render(chips, arrival, out);
}

}  // namespace ngdsp
